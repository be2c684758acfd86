/**
 * Asks for a credential where the node's pages are not open to this browser, and makes the headers
 * that prove it.
 *
 * A token for readers is sent as it is. The cluster's secret is not: it signs, and only where the
 * browser offers cryptography. Either lives as long as the page.
 *
 * @module
 */
import { h } from "./dom.js";
import { createOperator } from "./operator.js";
import { deriveOperatorKey } from "./signature.js";

/**
 * How to fetch as a reader.
 *
 * @typedef {(path: string, signal: AbortSignal) => Promise<Response>} Reader
 */

/** Reads without a credential. @type {Reader} */
export function readOpenly(path, signal) {
  return fetch(path, { signal, cache: "no-store" });
}

/** Reads with a token. @param {string} token @returns {Reader} */
export function readWithToken(token) {
  const headers = { authorization: `Bearer ${token}` };
  return (path, signal) => fetch(path, { signal, cache: "no-store", headers });
}

/** Reads with requests that the cluster's secret signs. @param {string} secret @returns {Reader} */
export function readWithSecret(secret) {
  const operator = fetch("/dashboard/names", { cache: "no-store" }).then(async (response) => {
    const { node, cluster } = await response.json();
    return createOperator({ key: await deriveOperatorKey(secret, cluster), node });
  });
  return async (path, signal) => (await operator).read(path, signal);
}

/**
 * Draws the form; resolves with the reader that the user's credential makes.
 *
 * @param {Element} place
 * @param {string} because what the node said
 * @returns {Promise<Reader>}
 */
export function askCredential(place, because) {
  const { promise, resolve } = Promise.withResolvers();
  const safe = globalThis.isSecureContext;
  const kind = h(
    "select",
    { id: "unlock-kind" },
    h("option", { value: "token" }, "read token (security.read_token)"),
    h(
      "option",
      { value: "secret", disabled: !safe },
      safe
        ? "cluster secret (security.cluster_secret)"
        : "cluster secret: needs HTTPS, or this page from localhost",
    ),
  );
  const credential = h("input", {
    id: "unlock-credential",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  const submit = (event) => {
    event.preventDefault();
    const given = credential.value;
    place.replaceChildren();
    resolve(kind.value === "token" ? readWithToken(given) : readWithSecret(given));
  };
  place.replaceChildren(
    h(
      "form",
      { class: "unlock", submit },
      h("h2", {}, "This page is not open to you"),
      h("p", { class: "problem", role: "alert" }, because),
      h("label", { for: "unlock-kind" }, "Show it to whoever has the"),
      kind,
      h("label", { for: "unlock-credential" }, "Token or secret"),
      credential,
      h(
        "p",
        { class: "quiet" },
        "The secret signs in this browser and is not sent. Neither is kept longer than this page.",
      ),
      h("p", { class: "buttons" }, h("button", { type: "submit" }, "Show")),
    ),
  );
  credential.focus();
  return promise;
}
