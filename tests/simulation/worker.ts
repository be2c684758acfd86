/**
 * A worker of `deno task sim --jobs`: plays its share of the seeds.
 */
import { playSeeds } from "./batch.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Parameters<typeof playSeeds>>) => void;
  postMessage(result: ReturnType<typeof playSeeds>): void;
};

scope.onmessage = ({ data }) => scope.postMessage(playSeeds(...data));
