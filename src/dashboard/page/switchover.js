/**
 * The dialog for a planned switchover: whom, the secret, a confirmation, then each step.
 *
 * The secret is taken out of its field as soon as it is read, becomes a key that the browser does
 * not give away, and is forgotten with the dialog.
 *
 * @module
 */
import { h } from "./dom.js";
import { createOperator } from "./operator.js";
import { deriveOperatorKey } from "./signature.js";
import { bytes, span } from "./words.js";

/**
 * Whom the primary may hand over to, and why not to the others.
 *
 * @param {any} cluster the document of `metako status --json`
 * @returns {{ node: string, electable: boolean, text: string }[]}
 */
export function candidatesOf({ nodes, primary }) {
  const find = (name) => nodes.find((node) => node.reachable && node.node === name);
  return (find(primary)?.electability ?? []).map(({ node, electable, because }) => {
    const lag = find(node)?.lag_bytes;
    const behind = lag === null || lag === undefined ? "" : ` (${bytes(lag)} behind)`;
    return { node, electable, text: electable ? `${node}${behind}` : `${node}: ${because}` };
  });
}

/**
 * Opens the dialog on the primary's page.
 *
 * @param {HTMLDialogElement} dialog
 * @param {{ cluster: any, name: string, node: string }} about the picture, the cluster's name, and
 *   the node that serves this page
 */
export function openSwitchover(dialog, about) {
  const close = () => dialog.close();
  dialog.addEventListener("close", () => dialog.replaceChildren(), { once: true });
  dialog.replaceChildren(h("h2", { id: "switchover-title" }, "Switch over"));
  dialog.append(globalThis.isSecureContext ? askForm(dialog, about, close) : insecure(close));
  dialog.showModal();
}

function insecure(close) {
  return h(
    "div",
    {},
    h(
      "p",
      { class: "problem" },
      "This page came over plain HTTP from another host, where a browser offers no cryptography to " +
        "sign with, and where the secret would not be safe.",
    ),
    h("p", {}, "Any of these will do:"),
    h(
      "ul",
      {},
      h("li", {}, h("code", {}, "metako switchover"), " on a member's host"),
      h(
        "li",
        {},
        "a tunnel, ",
        h("code", {}, `ssh -L ${location.port}:localhost:${location.port} ${location.hostname}`),
        ", and this page at ",
        h("code", {}, `http://localhost:${location.port}/dashboard`),
      ),
      h("li", {}, "TLS for the agents: ", h("code", {}, "security.tls_enabled")),
    ),
    h("p", { class: "buttons" }, h("button", { type: "button", click: close }, "Close")),
  );
}

function askForm(dialog, about, close) {
  const candidates = candidatesOf(about.cluster);
  const target = h(
    "select",
    { id: "switchover-to", required: true },
    candidates.map(({ node, electable, text }) =>
      h("option", { value: node, disabled: !electable }, text)
    ),
  );
  const first = candidates.find(({ electable }) => electable);
  if (first !== undefined) target.value = first.node;
  const secret = h("input", {
    id: "switchover-secret",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "switchover-hint",
  });
  const name = h("input", {
    id: "switchover-by",
    maxlength: 60,
    autocomplete: "off",
    spellcheck: "false",
  });
  const error = h("p", { class: "problem", role: "alert", hidden: true });
  const go = h("button", { type: "submit", disabled: first === undefined }, "Continue");
  const form = h(
    "form",
    { method: "dialog", submit: onSubmit },
    h("label", { for: "switchover-to" }, "New primary"),
    target,
    first === undefined && h("p", { class: "problem" }, "No standby may be elected now."),
    h("label", { for: "switchover-by" }, "Your name, for the history (optional)"),
    name,
    h("label", { for: "switchover-secret" }, "Cluster secret"),
    secret,
    h(
      "p",
      { class: "quiet", id: "switchover-hint" },
      "security.cluster_secret. It signs the request in this browser, and is neither sent nor kept.",
    ),
    error,
    h("p", { class: "buttons" }, h("button", { type: "button", click: close }, "Cancel"), go),
  );
  return form;

  async function onSubmit(event) {
    event.preventDefault();
    const to = target.value;
    const by = name.value.trim();
    const typed = secret.value;
    secret.value = "";
    error.hidden = true;
    go.disabled = true;
    const operator = createOperator({
      key: await deriveOperatorKey(typed, about.name),
      node: about.node,
    });
    const fits = await operator.fits().catch(() => null);
    go.disabled = false;
    if (!dialog.open) return;
    if (fits === true) {
      form.replaceWith(confirmation({ ...about, to, by, operator }, close));
      dialog.querySelector("button")?.focus();
      return;
    }
    error.textContent = fits === null
      ? `${about.node} does not answer.`
      : "The secret does not fit. Where security.cluster_secret is not set, use metako switchover.";
    error.hidden = false;
    secret.focus();
  }
}

function confirmation({ to, by, node, operator }, close) {
  const go = h(
    "button",
    { type: "button", class: "danger", click: start },
    `Switch over to ${to}`,
  );
  const step = h(
    "div",
    {},
    h("p", {}, h("strong", {}, node), " hands over to ", h("strong", {}, to), "."),
    h(
      "p",
      {},
      "Writes pause for about a second. Sessions are closed as soon as they are outside a " +
        "transaction (57P01) and have to connect again. No commit is lost, and should a step fail, " +
        `${node} stays the primary.`,
    ),
    h("p", { class: "buttons" }, h("button", { type: "button", click: close }, "Cancel"), go),
  );
  return step;

  async function start() {
    const list = h("ol", { class: "steps", role: "log", "aria-label": "Steps" });
    const outcome = h("p", { role: "status" }, "Under way.");
    const done = h("button", { type: "button", click: close }, "Close");
    step.replaceWith(h("div", {}, list, outcome, h("p", { class: "buttons" }, done)));
    done.focus();
    const end = await operator.switchOver(to, by, (text, elapsedMs) => {
      list.append(h("li", {}, h("span", { class: "quiet" }, span(elapsedMs)), " ", text));
    }).catch(() => ({ type: "lost", because: "the connection broke" }));
    outcome.textContent = outcomeText(to, end);
    outcome.className = end.type === "succeeded" ? "good" : "problem";
  }
}

function outcomeText(to, { type, because }) {
  switch (type) {
    case "succeeded":
      return `Done: ${because}.`;
    case "failed":
      return `The switchover to ${to} failed: ${because}`;
    case "refused":
      return `The switchover to ${to} was refused: ${because}`;
    default:
      return `What became of the switchover is not known here (${because}). Look at the topology.`;
  }
}
