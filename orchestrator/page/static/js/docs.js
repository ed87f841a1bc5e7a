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
  return h("details", {}, h("summary", {}, h("b", {class: `method ${method}`}, method.toUpperCase()), h("code", {}, path), h("span", {class: "soft"}, ` ${operation.summary ?? ""}`)),
    h("div", {}, h("p", {}, operation.description ?? ""), table(parameters), examples, table(responses)));
}

/** Name, type and description of each field. */
function fields(schema) {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => [name, typeOf(field), field.description ?? ""]);
}

function typeOf(field) {
  if (field.$ref) return field.$ref.split("/").pop();
  if (field.const !== undefined) return JSON.stringify(field.const);
  if (field.enum) return field.enum.map(value => JSON.stringify(value)).join(" | ");
  const several = field.anyOf ?? field.oneOf;
  if (several) return [...new Set(several.map(typeOf))].join(" | ");
  if (field.type === "array") return `list of ${typeOf(field.items ?? {})}`;
  return field.type ?? "any JSON";
}

async function show() {
  const routes = document.getElementById("routes");
  try {
    const api = await (await fetch(new URL("openapi.json", root))).json();
    routes.replaceChildren(...Object.entries(api.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => route(path, method, operation))));
    document.getElementById("schemas").replaceChildren(...Object.entries(api.components.schemas).map(([name, schema]) =>
      h("details", {id: name}, h("summary", {}, name), h("div", {}, h("p", {}, schema.description ?? ""), table(fields(schema)), h("details", {}, h("summary", {}, "JSON Schema"), json(schema))))));
  } catch (error) {
    routes.textContent = `The service did not answer: ${error.message}`;
  }
}

show();
