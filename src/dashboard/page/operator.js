/**
 * An operator's requests to this page's node: signed, and believed only where the answer is.
 *
 * @module
 */
import {
  createBootId,
  hashText,
  NO_CHALLENGE,
  signRequest,
  verifyAnswer,
  verifyLine,
} from "./signature.js";

/** Others who sign as operators can take a challenge from this page; it then asks again. */
const MAXIMUM_ATTEMPTS = 3;

/**
 * Creates a sender.
 *
 * @param {{ key: CryptoKey, node: string, send?: typeof fetch }} options `node`: the name of the node
 *   that serves this page
 */
export function createOperator({ key, node, send = fetch.bind(globalThis) }) {
  const boot = createBootId();
  let counter = 0;
  let challenge = NO_CHALLENGE;

  /** Sends, and takes up the challenge that the node answers the first request with. */
  async function call(method, path, body, signal = null) {
    for (let attempt = 1;; attempt++) {
      const envelope = {
        recipient: node,
        boot,
        counter: ++counter,
        challenge,
        bodyHash: await hashText(body ?? ""),
      };
      const response = await send(path, {
        method,
        signal,
        cache: "no-store",
        headers: {
          ...await signRequest(key, { method, path }, envelope),
          ...(body === null ? {} : { "content-type": "application/json" }),
        },
        ...(body === null ? {} : { body }),
      });
      if (response.status !== 409 || attempt === MAXIMUM_ATTEMPTS) return { response, envelope };
      const { status, headers } = response;
      const text = await response.text();
      const offered = headers.get("metako-challenge");
      if (offered === null || !await verifyAnswer(key, envelope, { status, headers, text })) {
        return { response: new Response(text, { status, headers }), envelope };
      }
      challenge = offered;
    }
  }

  return {
    /** Reads a path that is not open; what comes back is not verified. */
    async read(path, signal) {
      return (await call("GET", path, null, signal)).response;
    },

    /** Whether the node has the same key: it signs its answer then. */
    async fits() {
      const { response, envelope } = await call("GET", "/status", null);
      const { status, headers } = response;
      return await verifyAnswer(key, envelope, { status, headers, text: await response.text() });
    },

    /**
     * Asks the node, which has to be the primary, to hand over.
     *
     * @param {string} to
     * @param {string} by who asks, for the history; "" where they do not say
     * @param {(step: string, elapsedMs: number) => void} onStep
     * @returns {Promise<{ type: "succeeded" | "failed" | "refused" | "lost", because: string }>} "lost":
     *   what became of it is not known
     */
    async switchOver(to, by, onStep) {
      const body = JSON.stringify({ to, force: "none" });
      const path = `/operator/failover?by=${encodeURIComponent(by)}&tool=dashboard`;
      const { response, envelope } = await call("POST", path, body);
      if (!response.ok) return { type: "refused", because: await errorOf(response) };
      let index = 0;
      try {
        for await (const text of linesOf(response.body)) {
          const line = JSON.parse(text);
          if (line.index !== index || !await verifyLine(key, envelope, index, line)) {
            return { type: "lost", because: "a line of the answer is forged or missing" };
          }
          index++;
          if (line.outcome === "succeeded") return { type: "succeeded", because: line.step };
          if (line.outcome === "failed") return { type: "failed", because: line.step };
          if (line.outcome !== "running") return { type: "refused", because: line.step };
          onStep(line.step, line.elapsed_ms);
        }
      } catch {
        return { type: "lost", because: "the connection broke" };
      }
      return { type: "lost", because: "the answer ended before the outcome" };
    },
  };
}

async function errorOf(response) {
  const { status } = response;
  const { error, remedy } = await response.json().catch(() => ({}));
  return error === undefined ? `the node answered ${status}` : `${error}. ${remedy ?? ""}`.trim();
}

/** The lines of a body, however its bytes are cut. */
async function* linesOf(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + decoder.decode(part.value, { stream: true })).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}
