// Runs the test files, each in a process of its own, and prints the closing line «N passed, N failed».
// Called by scripts/test.sh and scripts/test-clients.sh, from the root of the repository.
//
// «bun test» alone can end well although tests never ran: process.exit(0) inside a test gives exit
// code 0, and a file that fails to load is missing from the report. So each file must leave a report
// of at least one test, and a bad exit code without a failure in the report counts as a failure.
// One process per file, because then all this can be told of each file by name.
//
// A run in which every test is skipped fails, unless each says why in its name or in that of its describe
// block: «nginx (skipped: not installed)». A file that needs more time than others says so in a comment
// line of its head: «// Takes up to 400 seconds.»

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'

/** For what hangs: servers and stress tests share the machine with other files, and it may be a slow one. */
const TEST_SECONDS_MAX = 180
/** A file that takes longer hangs: it is killed and counted as failed. It may ask for more. */
const FILE_SECONDS_MAX = 600
/** Real clients, which have to be started, meet and time out. */
const CLIENT_FILE_SECONDS_MAX = 1200
/** Of one file, where they run side by side. More trackers and clients starting at once would be late. */
const CONCURRENT_TESTS_MAX = 8
const ASKS_FOR_TIME = /^\/\/ Takes up to (\d+) seconds\b/m
const SAYS_WHY = /\(skipped: /
/** How long the last output of an ended process may take to arrive. */
const DRAIN_MILLISECONDS = 2000
/** How often the files that still run are named, so that a hang shows where it is. */
const PATIENCE_SECONDS = 60
/** One for each core. Two would be done sooner, since much of a file's time is waiting, but what measures rates would be late. */
const JOBS_MAX = 8

/** Those of «bun test» that make sense here. It takes any other flag too, and does nothing with it. */
const BUN_FLAGS =
  /^(-t|-u|--(test-name-pattern|update-snapshots|timeout|rerun-each|retry|todo|only|bail|randomize|seed|concurrent|max-concurrency|coverage|coverage-reporter|coverage-dir|preload))(=.*)?$/

interface Counts {
  passed: number
  failed: number
  skipped: number
  /** Skipped ones that do not say why. */
  unexplained: number
}

interface FileRun {
  readonly exitCode: number
  readonly signal: string | null
  /** It was killed after so many seconds, or null. */
  readonly timedOut: number | null
  readonly output: string
  /** Text of the junit report, or undefined when the process left none. */
  readonly report: string | undefined
}

/** What one file's run is worth, and why when that is more than its report says. */
export interface Verdict extends Counts {
  readonly faults: readonly string[]
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const { filters, flags, jobs, clients } = readArguments(args)
  const unknown = unknownFlag(flags)
  if (unknown !== undefined) {
    console.log(`unknown flag ${unknown}: see --help\n0 passed, 1 failed`)
    return 1
  }
  const files = selectFiles(listTestFiles(clients), filters)
  const total = emptyCounts()
  if (files.length === 0) console.log(`no test file matches «${filters.join(' ')}»`)
  const queue = [...files]
  const running = new Set<string>()
  const patience = setInterval(() => {
    console.log(`still running: ${[...running].join(', ')}`)
  }, PATIENCE_SECONDS * 1000)
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const startedMs = performance.now()
      running.add(file)
      const run = await runFile(file, flags)
      running.delete(file)
      const verdict = judge(run, flags.length > 0)
      printFile(file, run, verdict, (performance.now() - startedMs) / 1000)
      total.passed += verdict.passed
      total.failed += verdict.failed
      total.skipped += verdict.skipped
      total.unexplained += verdict.unexplained
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  clearInterval(patience)
  const why = flags.length > 0 ? 'no test ran' : whyNoTestRan(total)
  if (total.passed + total.failed === 0 && why !== null) {
    console.log(why)
    total.failed = 1
  }
  const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
  return total.failed === 0 ? 0 : 1
}

/** Null when all that could run was skipped for reasons that were told. */
function whyNoTestRan({ skipped, unexplained }: Counts): string | null {
  if (skipped === 0) return 'no test ran'
  if (unexplained === 0) return null
  return `no test ran, and ${unexplained} of the skipped ones do not say why`
}

/**
 * Parts of file names come first, then flags for «bun test» with their values. Ours: `--clients` runs
 * the tests with third-party clients instead of all others, `--jobs=N` sets the number of processes.
 */
function readArguments(args: string[]): {
  filters: string[]
  flags: string[]
  jobs: number
  clients: boolean
} {
  let jobs = Math.min(availableParallelism(), JOBS_MAX)
  let clients = false
  const rest: string[] = []
  for (const arg of args) {
    if (arg === '--clients') clients = true
    else if (/^--jobs=[1-9]\d*$/.test(arg)) jobs = Number(arg.slice('--jobs='.length))
    else rest.push(arg)
  }
  const firstFlag = rest.findIndex((arg) => arg.startsWith('-'))
  const split = firstFlag === -1 ? rest.length : firstFlag
  return { filters: rest.slice(0, split), flags: rest.slice(split), jobs, clients }
}

/** The value behind a flag such as -t may begin with a dash as well. */
function unknownFlag(flags: string[]): string | undefined {
  return flags.find((flag, i) => {
    const isValue = i > 0 && BUN_FLAGS.test(flags[i - 1]) && !flags[i - 1].includes('=')
    return flag.startsWith('-') && !isValue && !BUN_FLAGS.test(flag)
  })
}

function listTestFiles(clients: boolean): string[] {
  const files = [...new Bun.Glob('test/**/*.test.ts').scanSync('.')].sort()
  return files.filter((file) => file.startsWith('test/clients/') === clients)
}

export function selectFiles(files: string[], filters: string[]): string[] {
  if (filters.length === 0) return files
  return files.filter((file) => filters.some((part) => file.includes(part.replace(/^\.\//, ''))))
}

async function runFile(file: string, flags: string[]): Promise<FileRun> {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-tests-'))
  const reportPath = join(folder, 'report.xml')
  const reporting = ['--reporter=junit', `--reporter-outfile=${reportPath}`]
  const timeout = `--timeout=${TEST_SECONDS_MAX * 1000}`
  // With --no-orphans the process ends when this one is killed, and takes its servers along.
  try {
    const limits = [timeout, `--max-concurrency=${CONCURRENT_TESTS_MAX}`]
    const args = ['test', '--no-orphans', ...limits, ...reporting, ...flags, `./${file}`]
    const ended = await runProcess(args, secondsFor(file, readFileSync(file, 'utf8')))
    return { ...ended, report: readIfThere(reportPath) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How long a file of this text may take. */
export function secondsFor(file: string, text: string): number {
  const asked = ASKS_FOR_TIME.exec(text)?.[1]
  if (asked !== undefined) return Number(asked)
  return file.startsWith('test/clients/') ? CLIENT_FILE_SECONDS_MAX : FILE_SECONDS_MAX
}

function runProcess(args: string[], secondsMax: number): Promise<Omit<FileRun, 'report'>> {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that servers a hanging test started are ended with it.
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let timedOut: number | null = null
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    const timer = setTimeout(() => {
      timedOut = secondsMax
      killGroup(child.pid)
    }, secondsMax * 1000)
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      // Servers left behind would hold the pipes open; those that left the group are not waited for.
      killGroup(child.pid)
      const done = (): void => resolve({ exitCode: code ?? 1, signal, timedOut, output })
      const patience = setTimeout(done, DRAIN_MILLISECONDS)
      child.on('close', () => {
        clearTimeout(patience)
        done()
      })
    })
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone, as it should be.
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** `filtered`: flags such as -t may leave a file without tests. */
export function judge(run: FileRun, filtered: boolean): Verdict {
  const counts = run.report === undefined ? emptyCounts() : countReport(run.report)
  const { passed, failed, skipped, unexplained } = counts
  const nothingMatched = filtered && passed + failed === 0
  const faults: string[] = []
  if (run.timedOut !== null) faults.push(`ran longer than ${run.timedOut} s and was killed`)
  else if (run.signal !== null) faults.push(`was killed by ${run.signal}`)
  else if (run.report === undefined) faults.push(`left no report (exit code ${run.exitCode})`)
  else if (passed + failed + skipped === 0 && !filtered) faults.push('has no tests in its report')
  else if (run.exitCode !== 0 && failed === 0 && !nothingMatched) {
    faults.push(`ended with exit code ${run.exitCode} although no test failed`)
  }
  return { passed, failed: failed + faults.length, skipped, unexplained, faults }
}

function emptyCounts(): Counts {
  return { passed: 0, failed: 0, skipped: 0, unexplained: 0 }
}

/** Names and messages are escaped in the report, so its tags can be found as plain text. */
export function countReport(report: string): Counts {
  const counts = emptyCounts()
  for (const testcase of report.split(/<testcase[ >]/).slice(1)) {
    if (/<(failure|error)[ />]/.test(testcase)) counts.failed++
    else if (/<skipped[ />]/.test(testcase)) {
      counts.skipped++
      // Its own head only: behind it the next block may begin.
      const head = testcase.slice(0, testcase.indexOf('>'))
      if (!SAYS_WHY.test(head)) counts.unexplained++
    } else counts.passed++
  }
  return counts
}

function printFile(file: string, run: FileRun, verdict: Verdict, seconds: number): void {
  const bad = verdict.failed > 0
  if (bad) console.log(run.output.trimEnd())
  for (const fault of verdict.faults) console.log(`${file} ${fault}`)
  const skipped = verdict.skipped === 0 ? '' : ` ${verdict.skipped} skipped`
  const failed = bad ? ` ${verdict.failed} failed` : ''
  const mark = bad ? 'FAIL' : 'ok  '
  console.log(
    `${mark} ${file}  ${verdict.passed} passed${failed}${skipped}  ${seconds.toFixed(1)} s`,
  )
}
