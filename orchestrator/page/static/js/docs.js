// The description of the API for people, made from its OpenAPI document.
import {h} from "./dom.js";
import {root} from "./root.js";

const json = value => h("pre", {tabindex: 0}, JSON.stringify(value, null, 2));
const table = rows => h("table", {class: "plain"}, h("tbody", {}, rows.map(cells => h("tr", {}, cells.map(text => h("td", {}, text))))));

function route(path, method, operation) {
  const examples = Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, content]) =>
    Object.values(content.examples ?? {}).flatMap(example => [h("p", {}, `${type}: ${example.summary ?? ""}`), json(example.value)]));
  const parameters = (operation.parameters ?? []).map(one =>
    [one.name, one.in + (one.required ? ", required" : ""), one.description ?? ""]);
  const responses = Object.entries(operation.responses).map(([status, reply]) =>
    [status, reply.description, Object.keys(reply.content ?? {}).join(", ")]);
  return h("details", {}, h("summary", {}, h("b", {class: `method ${method}`}, method.toUpperCase()), h("code", {}, path)),
    h("div", {}, h("p", {}, operation.description || operation.summary || ""), table(parameters), examples, table(responses)));
}

async function show() {
  const routes = document.getElementById("routes");
  try {
    const api = await (await fetch(new URL("openapi.json", root))).json();
    routes.replaceChildren(...Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => route(path, method, operation))));
    document.getElementById("schemas").replaceChildren(...Object.entries(api.components.schemas).map(([name, schema]) =>
      h("details", {id: name}, h("summary", {}, name), json(schema))));
  } catch (error) {
    routes.textContent = `The service did not answer: ${error.message}`;
  }
}

show();
