/**
 * The targets that talk to listeners, connected to one victim.
 *
 * @module
 */
import { httpTarget } from "./targets/http.ts";
import { readerTarget } from "./targets/reader.ts";
import { routerTarget } from "./targets/router.ts";
import type { Target } from "./target.ts";
import type { VictimPorts } from "./victim.ts";

/** Opens what the targets need. */
export function createListeners(
  ports: VictimPorts,
): { readonly target: (name: string) => Target; readonly close: () => void } {
  const http = httpTarget(ports);
  const reader = readerTarget();
  const targets: readonly Target[] = [http, reader, routerTarget(ports.router)];
  return {
    target: (name) => targets.find((each) => each.name === name)!,
    close() {
      http.close();
      reader.close();
    },
  };
}
