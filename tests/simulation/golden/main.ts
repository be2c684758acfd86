/**
 * `deno task docs`: writes the pages of docs/protocol.
 */
import { protocolPages } from "./pages.ts";

const folder = new URL("../../../docs/protocol/", import.meta.url);
Deno.mkdirSync(folder, { recursive: true });
for (const [name, text] of protocolPages()) {
  Deno.writeTextFileSync(new URL(name, folder), text);
}
