// To the notebook's kernel, while it is busy.

/**
 * Kernels in use by a subshell: at most one of ours on each. Every panel is a module of its own.
 *
 * @type {WeakMap<Jupyter.Kernel, Promise<boolean>>}
 */
const busyKernels = shared("cg2magic.subshells", () => new WeakMap());

/**
 * What all modules of the page share under a name.
 *
 * @template Value
 * @param {string} name
 * @param {() => Value} first - Makes it, where there is none yet.
 * @returns {Value}
 */
function shared(name, first) {
  const page = /** @type {Record<symbol, Value | undefined>} */ (globalThis);
  const key = Symbol.for(name);
  page[key] ??= first();
  return page[key];
}

/**
 * Run code in the kernel although a cell is running there: on a subshell, made for this and deleted
 * after it, so that none outlives a page or a restart. False where the kernel has no subshells.
 *
 * @param {Jupyter.Kernel | null | undefined} kernel
 * @param {string} code
 * @returns {Promise<boolean>}
 */
export function runBeside(kernel, code) {
  if (!kernel?.supportsSubshells) return Promise.resolve(false);
  const once = async () => {
    const reply = await kernel.requestCreateSubshell({}).done;
    const id = reply.content.subshell_id;
    const beside = kernel.clone();
    try {
      beside.subshellId = id;
      await beside.requestExecute({ code, silent: true, store_history: false, allow_stdin: false }).done;
    } finally {
      await kernel.requestDeleteSubshell({ subshell_id: id }).done;
      beside.subshellId = null; // or disposing of the connection would delete it again
      beside.dispose();
    }
    return true;
  };
  const run = (busyKernels.get(kernel) ?? Promise.resolve()).then(once).catch(() => false);
  busyKernels.set(kernel, run);
  return run;
}
