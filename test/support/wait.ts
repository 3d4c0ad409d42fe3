// Waiting with a limit, for events and for states that nothing announces. Used by tests.

const ASK_AGAIN_MS = 20
const TRIES = 10

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
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`in ${timeoutMs} ms not true: ${what}`)
    await Bun.sleep(ASK_AGAIN_MS)
  }
}

/**
 * Has it done again until once it took less than this (ms): a machine with other work makes some tries late, a fault
 * makes all of them late. `attempt` may return its own measure; otherwise its whole time counts.
 */
export async function expectQuick(
  limitMs: number,
  attempt: () => unknown,
  tries = TRIES,
): Promise<void> {
  const times: number[] = []
  while (times.length < tries) {
    const startedAt = performance.now()
    const measured = await attempt()
    const ms = typeof measured === 'number' ? measured : performance.now() - startedAt
    if (ms < limitMs) return
    times.push(Math.round(ms))
  }
  throw new Error(`never in less than ${limitMs} ms: ${times.join(', ')}`)
}

/** Lets time pass, where that is what a test is about: an age, an interval. */
export function passMs(milliseconds: number): Promise<void> {
  return waitFor(new Promise<never>(() => {}), milliseconds) as Promise<void>
}
