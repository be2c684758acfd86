/**
 * Follows the node's server-sent events, and connects again when they end.
 *
 * `fetch` carries them instead of `EventSource`, since that one can neither send a header nor say
 * why it was refused.
 *
 * @module
 */

/** Longest silence: the node sends a picture every second. */
const SILENCE_MS = 10_000;

/** Pause before connecting again. */
const PAUSE_MS = 1000;

/**
 * Follows until the page is left.
 *
 * @param {string} path
 * @param {{
 *   read: import("./unlock.js").Reader,
 *   onEvent: (type: string, data: any) => void,
 *   onState: (state: "open" | "lost" | "locked", because: string) => void,
 *   unlock: (because: string) => Promise<import("./unlock.js").Reader>,
 * }} options `unlock` is asked for another reader where this one is refused
 */
export async function follow(path, { read, onEvent, onState, unlock }) {
  for (;;) {
    const { because, locked } = await followOnce(path, read, onEvent, () => onState("open", ""));
    onState(locked ? "locked" : "lost", because);
    if (locked) read = await unlock(because);
    else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** One connection, to its end. @returns why it ended, and whether a credential is missing */
async function followOnce(path, read, onEvent, onOpen) {
  const controller = new AbortController();
  let timer;
  const sign = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), SILENCE_MS);
  };
  try {
    sign();
    const response = await read(path, controller.signal);
    if (!response.ok) return await refusal(response);
    onOpen();
    const parse = createParser(onEvent);
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      sign();
      parse(decoder.decode(part.value, { stream: true }));
    }
    return { because: "the node closed the connection", locked: false };
  } catch {
    return { because: "the node does not answer", locked: false };
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

async function refusal(response) {
  const said = await response.json().catch(() => ({}));
  return {
    because: `the node answered ${response.status}: ${said.error ?? ""}. ${said.remedy ?? ""}`,
    locked: response.status === 401,
  };
}

/**
 * Takes the stream's text however it is cut, and tells each whole event.
 *
 * @param {(type: string, data: any) => void} onEvent
 * @returns {(text: string) => void}
 */
export function createParser(onEvent) {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      let type = "message";
      let data = "";
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) type = line.slice(7);
        if (line.startsWith("data: ")) data += line.slice(6);
      }
      if (data !== "") onEvent(type, JSON.parse(data));
    }
  };
}
