// Separates bugs in the callbacks of the runtime's sockets from errors of connections. Used by the load testers
// that have such sockets. Pure.

/**
 * The runtime would take our error for one of the connection: a bug would count as a tracker that
 * closes connections. It ends the worker instead, and the run with it.
 */
export function orEnd(work: () => void): void {
  try {
    work()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
