/**
 * The files of the page, as texts that are a part of the program: they come with the binary, and
 * nothing is fetched from anywhere else. What the browser runs is what stands in `page/`.
 *
 * @module
 */
import chart from "./page/chart.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import history from "./page/history.js" with { type: "text" };
import index from "./page/index.html" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import nodes from "./page/nodes.js" with { type: "text" };
import operator from "./page/operator.js" with { type: "text" };
import signature from "./page/signature.js" with { type: "text" };
import stream from "./page/stream.js" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import switchover from "./page/switchover.js" with { type: "text" };
import theme from "./page/theme.js" with { type: "text" };
import topology from "./page/topology.js" with { type: "text" };
import trends from "./page/trends.js" with { type: "text" };
import unlock from "./page/unlock.js" with { type: "text" };
import words from "./page/words.js" with { type: "text" };

/** A file of the page. */
export interface Asset {
  readonly text: string;
  /** Its media type. */
  readonly type: string;
}

/** Where the page is. */
export const PAGE_PATH = "/dashboard";

const script = (text: string): Asset => ({ text, type: "text/javascript; charset=utf-8" });

/** Every file by its path. */
export const ASSETS: Readonly<Record<string, Asset>> = {
  [PAGE_PATH]: { text: index, type: "text/html; charset=utf-8" },
  [`${PAGE_PATH}/style.css`]: { text: style, type: "text/css; charset=utf-8" },
  [`${PAGE_PATH}/chart.js`]: script(chart),
  [`${PAGE_PATH}/dom.js`]: script(dom),
  [`${PAGE_PATH}/history.js`]: script(history),
  [`${PAGE_PATH}/main.js`]: script(main),
  [`${PAGE_PATH}/nodes.js`]: script(nodes),
  [`${PAGE_PATH}/operator.js`]: script(operator),
  [`${PAGE_PATH}/signature.js`]: script(signature),
  [`${PAGE_PATH}/stream.js`]: script(stream),
  [`${PAGE_PATH}/switchover.js`]: script(switchover),
  [`${PAGE_PATH}/theme.js`]: script(theme),
  [`${PAGE_PATH}/topology.js`]: script(topology),
  [`${PAGE_PATH}/trends.js`]: script(trends),
  [`${PAGE_PATH}/unlock.js`]: script(unlock),
  [`${PAGE_PATH}/words.js`]: script(words),
};
