// Runs a load tester as its users do. Used by the tests of load/.
import { expect } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'

/** A hundred times what it takes on an idle machine. */
const ENOUGH_MS = 50_000
/** As from which the load tester itself warns of others. */
const OTHERS_SHARE_MAX = 0.05

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  // biome-ignore lint/suspicious/noExplicitAny: the report file, read freely by tests
  readonly json: any
  readonly html: string
  /** What it left in its folder, and its settings. */
  readonly files: readonly string[]
}

/** Runs a load tester to its end. `settings` is TOML. */
export type Run = (
  settings: string,
  flags?: readonly string[],
  during?: (child: Bun.Subprocess) => void | Promise<void>,
) => Promise<Finished>

/** `name`: of the executable, in dist/. */
export function loadTester(name: string): Run {
  return (settings, flags = [], during = () => {}) => runTester(name, settings, flags, during)
}

/** Until Ctrl-C, which comes once `isEnough`: however long that takes on this machine. */
export function runUntil(
  run: Run,
  settings: string,
  isEnough: () => boolean | Promise<boolean>,
  flags: readonly string[] = [],
): Promise<Finished> {
  return run(settings, flags, async (child) => {
    const isOver = async () => child.exitCode !== null || (await isEnough())
    await waitUntil('there was enough load', isOver, ENOUGH_MS)
    child.kill('SIGINT')
  })
}

/**
 * That requests left on their schedule: hardly more than were due at the end, when some more may become due until
 * the workers hear of it; and hardly fewer, unless others had the machine too and the last ones were late.
 */
export function expectScheduled(sent: number, due: number, { json }: Finished): void {
  const share = hadMachine(json) ? 0.85 : 0.5
  expect(sent).toBeGreaterThan(due * share)
  expect(sent).toBeLessThan(due * 1.2)
}

/** Whether others left the machine to load tester and tracker. `json`: of the report. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export function hadMachine({ machine_use }: any): boolean {
  return machine_use.othersShare + machine_use.stolenShare < OTHERS_SHARE_MAX
}

async function runTester(
  name: string,
  settings: string,
  flags: readonly string[],
  during: (child: Bun.Subprocess) => void | Promise<void>,
): Promise<Finished> {
  const executable = join(import.meta.dir, '../../dist', name)
  checkBuilt(executable)
  const folder = newFolder()
  try {
    const path = (name: string) => join(folder, name)
    writeFileSync(path('settings.toml'), settings)
    const files = ['--json', path('report.json'), '--html', path('report.html')]
    const child = Bun.spawn([executable, '-c', path('settings.toml'), ...files, ...flags], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { PATH: process.env.PATH ?? '' },
    })
    const output = [new Response(child.stdout).text(), new Response(child.stderr).text()]
    await during(child)
    const [stdout, stderr] = await Promise.all(output)
    const code = await child.exited
    return {
      code,
      stdout,
      stderr,
      json: readJson(path('report.json')),
      html: read(path('report.html')),
      files: readdirSync(folder),
    }
  } finally {
    removeFolder(folder)
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function readJson(path: string): unknown {
  const text = read(path)
  return text === '' ? null : JSON.parse(text)
}
