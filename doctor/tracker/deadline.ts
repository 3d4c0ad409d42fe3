// Waiting for a tracker with a limit. Used by all clients of the doctor.

/** What a promise gives within the time; undefined when it takes longer. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
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

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** How long the doctor waits. */
export interface Patience {
  /** For an answer, each time it asks. */
  readonly answerMs: number
  /** Before it believes that there is no answer. */
  readonly silenceMs: number
}

export const PATIENCE: Patience = { answerMs: 3000, silenceMs: 500 }
