// Waiting with a limit, for events and for states that nothing announces. Used by tests.

const ASK_AGAIN_MS = 50

/** What a promise gives within the time; undefined when it takes longer. */
export async function waitFor<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Asks until the answer is true. Throws, naming what it waited for, when the time has passed. */
export async function waitUntil(
  what: string,
  ask: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`in ${timeoutMs} ms not true: ${what}`)
    await Bun.sleep(ASK_AGAIN_MS)
  }
}
