// Starts every behaviour. Each module is optional: without it, the plain links and forms still do the work.
import "./requests.js";
import "./session.js";
import "./toast.js";
import "./ticker.js";
import "./rows.js";
import "./thread.js";
import "./popover.js";
import "./optimistic.js";
import "./actions.js";
import "./selection.js";
import "./keys.js";
import "./notify.js";
import "./installed.js";
import "./live.js";
import "./parts.js";

if (matchMedia("(any-pointer: coarse)").matches) import("./touch.js");
