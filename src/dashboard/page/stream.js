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
 * @param {(type: string, data: any) => void} onEvent
 * @param {(state: "open" | "lost", because: string) => void} onState
 */
export async function follow(path, onEvent, onState) {
  for (;;) {
    const because = await followOnce(path, onEvent, () => onState("open", ""));
    onState("lost", because);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** One connection, to its end. @returns why it ended */
async function followOnce(path, onEvent, onOpen) {
  const controller = new AbortController();
  let timer;
  const sign = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), SILENCE_MS);
  };
  try {
    sign();
    const response = await fetch(path, { signal: controller.signal, cache: "no-store" });
    if (!response.ok) return await refusal(response);
    onOpen();
    const parse = createParser(onEvent);
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      sign();
      parse(decoder.decode(part.value, { stream: true }));
    }
    return "the node closed the connection";
  } catch {
    return "the node does not answer";
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

async function refusal(response) {
  const said = await response.json().catch(() => ({}));
  return `the node answered ${response.status}: ${said.error ?? ""}. ${said.remedy ?? ""}`;
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
