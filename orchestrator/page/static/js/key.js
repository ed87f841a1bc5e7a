// The API key: kept for this tab, or for this browser if the user wants that, and asked for when the service refuses.
import {h} from "./dom.js";

const NAME = "forerun-key";
let asking = null;

function store(kind) {
  try { return window[kind]; } catch { return null; }  // blocked by the browser's settings
}

/** The key in use, or an empty text. */
export function storedKey() {
  return store("sessionStorage")?.getItem(NAME) || store("localStorage")?.getItem(NAME) || "";
}

/** Forget the key. */
export function forgetKey() {
  store("sessionStorage")?.removeItem(NAME);
  store("localStorage")?.removeItem(NAME);
  document.dispatchEvent(new Event("key"));
}

/** Ask the user for a key. Several requests that are refused at once ask once; `refused` is the key that did not do. */
export function keyFromUser(refused) {
  const known = storedKey();
  if (known && known !== refused) return Promise.resolve(known);
  asking ??= dialog(refused).finally(() => { asking = null; });
  return asking;
}

function dialog(refused) {
  return new Promise((resolve, reject) => {
    const field = h("input", {type: "password", id: "key-field", autocomplete: "current-password", required: true, spellcheck: "false"});
    const keep = h("input", {type: "checkbox", id: "key-keep"});
    const box = h("dialog", {class: "key-dialog", "aria-labelledby": "key-title"},
      h("form", {method: "dialog"},
        h("h2", {id: "key-title"}, "API key"),
        h("p", {}, refused ? "The service did not accept this key. Enter another one." : "This service needs an API key."),
        h("label", {for: "key-field"}, "Key"), field,
        h("label", {class: "check"}, keep, "Remember it in this browser"),
        h("p", {class: "soft"}, "Create one with ", h("code", {}, "forerun keys create"), "."),
        h("div", {class: "actions"},
          h("button", {type: "button", on: {click: () => box.close()}}, "Not now"),
          h("button", {type: "submit", class: "primary", value: "ok"}, "Use this key"))));
    box.addEventListener("close", () => {
      box.remove();
      const key = field.value.trim();
      if (box.returnValue !== "ok" || !key) {
        reject(new Error("This service needs an API key"));
        return;
      }
      store(keep.checked ? "localStorage" : "sessionStorage")?.setItem(NAME, key);
      if (!keep.checked) store("localStorage")?.removeItem(NAME);
      document.dispatchEvent(new Event("key"));
      resolve(key);
    });
    document.body.append(box);
    box.showModal();
  });
}
