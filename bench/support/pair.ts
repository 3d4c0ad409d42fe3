// A build of aquatic_udp on one core and load testers on another, for the benchmarks of what clients
// notice of it. Whoever starts a child stops it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../../load/children.ts'

const DIST = join(import.meta.dir, '../../dist')
export const TRACKER_CORE = 0
export const LOAD_CORE = 1
const POLL_MS = 10

export const AQUATIC_UDP = join(DIST, 'aquatic_udp')

export function startTracker(name: string, executable: string, settings: string): Child {
  return startChild(name, [executable, '-c', settings], { core: TRACKER_CORE })
}

/** The first match in what it has written, or the `nth`. */
export async function written(child: Child, pattern: RegExp, nth = 1): Promise<RegExpMatchArray> {
  const each = new RegExp(pattern, 'g')
  for (;;) {
    const match = [...child.errors().matchAll(each)][nth - 1]
    if (match !== undefined) return match
    if (!child.alive()) throw new Error(`${child.name} ended: ${child.errors()}`)
    await Bun.sleep(POLL_MS)
  }
}

/** The summary of a run of the load tester: see load/udp/reports.ts. */
// biome-ignore lint/suspicious/noExplicitAny: a file of ours, read where its fields are known
export type Summary = any

/**
 * Runs the load tester to its end with these settings, without AQUATIC_. `folder` is for its report. Not
 * `pinned` it may use all cores.
 */
export async function load(
  name: string,
  folder: string,
  port: number,
  settings: Readonly<Record<string, string | number>>,
  pinned = true,
): Promise<Summary> {
  const json = join(folder, `${name}.json`)
  const given = Object.entries(settings).map(([key, value]) => [`AQUATIC_${key}`, String(value)])
  const child = startChild(name, [join(DIST, 'aquatic_udp_load_test'), '--json', json], {
    ...(pinned ? { core: LOAD_CORE } : {}),
    env: {
      PATH: process.env.PATH ?? '',
      AQUATIC_SERVER_ADDRESS: `127.0.0.1:${port}`,
      AQUATIC_CHECKS_FRESH_TRACKER: 'false',
      ...Object.fromEntries(given),
    },
  })
  await child.ended
  if (!existsSync(json)) throw new Error(`${name}: ${child.errors()}`)
  return JSON.parse(readFileSync(json, 'utf8')).summary
}
