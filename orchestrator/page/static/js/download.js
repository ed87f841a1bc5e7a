// Save an answer of the service as a file; a link could not send an API key.
import {ask} from "./api.js";
import {h} from "./dom.js";

export async function download(path, name) {
  const url = URL.createObjectURL(await (await ask(path)).blob());
  const link = h("a", {href: url, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
