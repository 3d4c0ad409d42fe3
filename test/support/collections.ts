// How often garbage is collected while a process works through a loop: the engine is told to collect whenever it
// has allocated a megabyte, and to say so. What allocates nothing causes no collection. Used by the tests of hot
// paths, whose scripts mark begin and end on standard error between the engine's own lines.

export const TALKATIVE = { BUN_JSC_logGC: '1', BUN_JSC_gcMaxHeapSize: '1000000' }

/** How often garbage was collected in each heap; every thread has one. */
export function collections(log: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [, heap] of log.matchAll(/^\[GC<(0x[0-9a-f]+)>: START/gm)) {
    counts.set(heap, (counts.get(heap) ?? 0) + 1)
  }
  return counts
}

/** Of a script between its lines `begin` and `end after N bytes`. */
export async function collectionsDuring(
  script: string,
  ...parameters: readonly number[]
): Promise<number> {
  const command = [process.execPath, script, ...parameters.map(String)]
  const env = { ...process.env, ...TALKATIVE }
  const child = Bun.spawn(command, { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const log = await new Response(child.stderr).text()
  const code = await child.exited
  const [, during] = log.match(/^begin\n([\s\S]*)^end after [1-9]\d* bytes$/m) ?? []
  if (code !== 0 || during === undefined) throw new Error(`exit code ${code}: ${log}`)
  return [...collections(during).values()].reduce((sum, count) => sum + count, 0)
}
