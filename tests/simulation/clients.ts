/**
 * Clients: they write rows through the router of any node, and directly at any node, whatever it
 * believes to be, and they cancel some of their commits while these wait.
 */
import { routesTo } from "./hosts.ts";
import { writeRow } from "./wal.ts";
import { after, hostOf, type World } from "./world.ts";

/** Starts writing, for as long as the world goes on. */
export function startClients(world: World): void {
  const { everyMs, direct } = world.scenario.clients;
  const { client: dice } = world.dice;
  const next = () => {
    after(world, dice.pauseMs(everyMs), () => {
      const host = dice.pick(world.hosts);
      if (direct && dice.luck(0.4)) {
        writeRow(world, host);
      } else {
        const route = routesTo(world, host);
        if (route !== null && host.up) writeRow(world, hostOf(world, route));
      }
      if (dice.luck(0.02)) cancelOne(world);
      next();
    });
  };
  next();
}

/** A cancelled wait ends with a warning, which is no acknowledgement; the row stays. */
function cancelOne(world: World): void {
  const { process } = world.dice.client.pick(world.hosts);
  if (process !== null && process.waiting.length > 0) {
    process.waiting.pop();
    world.tally.note("client", "cancelled");
  }
}
