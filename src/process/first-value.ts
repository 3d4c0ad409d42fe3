// What a worker starts with, and later updates replace: such as a list of millions. Start data live as long as the
// thread, in the main thread and in the worker, so what is large is taken out of them once it has arrived. Made by the
// tracker for each worker; emptied by workers.ts, and by the worker that takes it.

export class FirstValue<T> {
  /** Null once it has been handed over. In a worker it is a plain object: classes do not travel. */
  value: T | null

  constructor(value: T) {
    this.value = value
  }
}

/** In the worker, once. */
export function takeFirst<T>(first: { value: T | null }): T {
  const { value } = first
  if (value === null) throw new Error('the first value of a worker is taken once')
  first.value = null
  return value
}

/** In the main thread, when a worker has got its copy of these start data. */
export function forgetFirsts(data: object): void {
  for (const part of Object.values(data)) if (part instanceof FirstValue) part.value = null
}
