// Server-sent events out of a response, with headers of one's own (an EventSource cannot send a key).

/** The events of a stream: `{name, data}`. Comments, ids and retry fields are left out. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = parser();
  // A large event comes in many pieces; they are joined once, when the end of a line is there.
  let pieces = [];
  try {
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      const end = value.lastIndexOf("\n");
      if (end < 0) {
        pieces.push(value);
        continue;
      }
      const lines = (pieces.join("") + value.slice(0, end)).split("\n");
      pieces = [value.slice(end + 1)];
      yield* parse(lines);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parser() {
  let name = "message";
  let data = [];
  return function* parse(lines) {
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (data.length) yield {name, data: data.join("\n")};
        name = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") data.push(value);
      else if (field === "event") name = value;
    }
  };
}
