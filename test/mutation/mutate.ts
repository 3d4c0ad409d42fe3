// Makes small faults in the files of a folder, one at a time, and reports which of them no test notices.
// Called by scripts/mutate.sh, from the root of the repository. docs/testing.md says how to use it.
//
// Faults are made in copies of the checkout. Of the tests, those run that reach the changed file by
// imports: first those of the same folder, then the others, fast ones first, until one fails. One that
// takes far longer than without the fault has noticed it too: an endless loop counts as noticed.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parseSource, type Source } from '../tidy/source.ts'
import { Checkout } from './checkout.ts'
import { readEquivalents } from './equivalent.ts'
import { type Baseline, type Finding, History } from './history.ts'
import { applied, type Mutation, mutationsOf } from './mutations.ts'
import { type Reach, reachOf } from './reach.ts'

const EQUIVALENTS = 'test/mutation/equivalent.txt'
/** A test file with a fault may take so many times as long as without. */
const PATIENCE_FACTOR = 4

interface Options {
  readonly folder: string
  /** How many mutations, 0 for all. */
  readonly count: number
  readonly seed: number
  readonly jobs: number
  /** Test files that take longer are left out. */
  readonly slowSeconds: number
  /** What every test file may take with a fault: the machine may be busy. */
  readonly patienceSeconds: number
  /** With the tests that reach the folder only by starting an executable. */
  readonly executables: boolean
  /** Only shows what would be tried. */
  readonly list: boolean
}

interface Tried {
  readonly mutation: Mutation
  readonly killedBy: string | null
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (options === null) return 2
  const paths = listFiles()
  const sources = paths.filter((path) => path.endsWith('.ts')).map(sourceAt)
  const all = sources.filter(({ path }) => isIn(path, options.folder)).flatMap(mutationsOf)
  if (all.length === 0) {
    console.error(`there is nothing to change in ${options.folder}`)
    return 2
  }
  const equivalents = equivalentsIn(options.folder)
  const picked = pick(all, options)
  const open = picked.filter(({ key }) => !equivalents.has(key))
  if (options.list) for (const mutation of open) console.log(textOf(mutation))
  else return report(await new Run(options, paths, sources).tryAll(open), all, equivalents, picked)
  return 0
}

/** Null when they are wrong, which has then been reported. */
function readOptions(args: readonly string[]): Options | null {
  const numbers: Record<string, number> = { count: 60, seed: 1, jobs: 1, slow: 20, patience: 15 }
  const folders: string[] = []
  for (const arg of args) {
    const [, name, value] = /^--(count|seed|jobs|slow|patience)=(\d+)$/.exec(arg) ?? []
    if (name !== undefined) numbers[name] = Number(value)
    else if (arg === '--list' || arg === '--executables') numbers[arg] = 1
    else if (!arg.startsWith('-')) folders.push(arg.replace(/\/+$/, ''))
    else return wrong(`unknown flag ${arg}`)
  }
  if (folders.length !== 1) return wrong('one folder or file is needed, such as src/channel')
  return {
    folder: folders[0],
    count: numbers.count,
    seed: numbers.seed,
    jobs: Math.max(1, numbers.jobs),
    slowSeconds: numbers.slow,
    patienceSeconds: numbers.patience,
    executables: numbers['--executables'] === 1,
    list: numbers['--list'] === 1,
  }
}

function wrong(text: string): null {
  console.error(`${text}: see --help`)
  return null
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function listFiles(): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const output = execFileSync('git', ['-c', 'safe.directory=*', ...list], { encoding: 'utf8' })
  return output.split('\0').filter((path) => path !== '' && existsSync(path))
}

function sourceAt(path: string): Source {
  return parseSource({ path, text: readFileSync(path, 'utf8') })
}

function equivalentsIn(folder: string): Map<string, string> {
  if (!existsSync(EQUIVALENTS)) return new Map()
  const all = [...readEquivalents(readFileSync(EQUIVALENTS, 'utf8'))]
  return new Map(all.filter(([key]) => isIn(key.split(/ \(|\n/)[0], folder)))
}

/** The same ones for the same seed, whatever has changed elsewhere in the folder. */
function pick(all: readonly Mutation[], { count, seed }: Options): Mutation[] {
  const ranked = all.map((mutation) => ({ mutation, rank: Bun.hash(`${seed} ${mutation.key}`) }))
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1))
  const picked = ranked.map(({ mutation }) => mutation)
  return count === 0 ? picked : picked.slice(0, count)
}

class Run {
  private readonly options: Options
  private readonly paths: readonly string[]
  private readonly texts: ReadonlyMap<string, string>
  private readonly reach: Reach
  private readonly history: History
  private readonly baselines = new Map<string, Baseline>()
  /** Of everything but the tests. */
  private readonly world: string

  constructor(options: Options, paths: readonly string[], sources: readonly Source[]) {
    this.options = options
    this.paths = paths
    this.texts = new Map(sources.map(({ path, text }) => [path, text]))
    this.reach = reachOf(sources, options.executables)
    this.history = new History(`dist/mutation/${options.folder.replaceAll('/', '-')}.json`)
    this.world = hashOf(sources.filter(({ path }) => !path.startsWith('test/')))
  }

  async tryAll(mutations: readonly Mutation[]): Promise<Tried[]> {
    const checkouts = Array.from({ length: this.options.jobs }, () => new Checkout(this.paths))
    const clean = () => {
      for (const checkout of checkouts) checkout.remove()
    }
    process.on('exit', clean)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => process.exit(1))
    }
    const tests = [...new Set(mutations.flatMap(({ path }) => this.reach.testsOf(path)))]
    await shareOut(tests, checkouts, (test, checkout) => this.measure(test, checkout))
    const tried: Tried[] = []
    await shareOut(mutations, checkouts, async (mutation, checkout) => {
      const { killedBy } = await this.tryOne(mutation, checkout)
      tried.push({ mutation, killedBy })
      const outcome = killedBy === null ? 'SURVIVED' : `noticed by ${killedBy}`
      const place = `${mutation.path}:${mutation.line} ${mutation.kind}`
      console.error(`${tried.length}/${mutations.length} ${place}: ${outcome}`)
    })
    return tried
  }

  /** How long a test file takes without any fault, and whether it can be used. */
  private async measure(test: string, checkout: Checkout): Promise<void> {
    const hash = Bun.hash(`${this.world} ${this.testHash([test])} ${this.options.slowSeconds}`)
    const known = this.history.baseline(test, String(hash))
    const baseline = known ?? (await this.runWithout(test, checkout, String(hash)))
    this.baselines.set(test, baseline)
    if (baseline.why !== null) console.error(`left out: ${test} ${baseline.why}`)
    if (known === undefined) this.history.addBaseline(test, baseline)
  }

  private async runWithout(test: string, checkout: Checkout, hash: string): Promise<Baseline> {
    const { slowSeconds } = this.options
    const startMs = performance.now()
    const outcome = await checkout.run(test, slowSeconds)
    const seconds = (performance.now() - startMs) / 1000
    const slow = `takes longer than ${slowSeconds} s`
    const why =
      outcome === 'passed' ? null : outcome === 'failed' ? 'fails without any fault' : slow
    return { hash, seconds, why }
  }

  private async tryOne(mutation: Mutation, checkout: Checkout): Promise<Finding> {
    const { path, key } = mutation
    const text = this.texts.get(path) ?? ''
    const tests = this.testsFor(path)
    const source = String(Bun.hash(text))
    const testsHash = this.testHash(tests)
    const known = this.history.finding(key, source, testsHash)
    if (known !== undefined) return known
    checkout.write(path, applied(text, mutation))
    const killedBy = await this.firstToNotice(tests, checkout)
    checkout.write(path, text)
    const finding = { source, tests: killedBy === null ? testsHash : '', killedBy }
    this.history.addFinding(key, finding)
    return finding
  }

  private async firstToNotice(
    tests: readonly string[],
    checkout: Checkout,
  ): Promise<string | null> {
    for (const test of tests) {
      const { seconds } = this.baselines.get(test) as Baseline
      const patience = Math.max(this.options.patienceSeconds, PATIENCE_FACTOR * seconds)
      const outcome = await checkout.run(test, patience)
      if (outcome !== 'passed') return outcome === 'failed' ? test : `${test} (took too long)`
    }
    return null
  }

  /** Those of the same folder first, then fast ones. */
  private testsFor(path: string): string[] {
    const own = path.replace(/^src\//, 'test/').replace(basename(path), '')
    const rank = (test: string) =>
      (test.startsWith(own) ? 0 : 1e6) + (this.baselines.get(test)?.seconds ?? 0)
    return this.reach
      .testsOf(path)
      .filter((test) => this.baselines.get(test)?.why === null)
      .sort((a, b) => rank(a) - rank(b))
  }

  private testHash(tests: readonly string[]): string {
    const parts = new Set(tests.flatMap((test) => this.reach.partsOf(test)))
    return hashOf([...parts].sort().map((path) => ({ path, text: this.texts.get(path) ?? '' })))
  }
}

function hashOf(files: readonly { readonly path: string; readonly text: string }[]): string {
  return String(Bun.hash(files.map(({ path, text }) => `${path}\n${text}`).join('\n')))
}

/** Each checkout takes the next item when it is done with one. */
async function shareOut<T>(
  items: readonly T[],
  checkouts: readonly Checkout[],
  work: (item: T, checkout: Checkout) => Promise<void>,
): Promise<void> {
  const queue = [...items]
  await Promise.all(
    checkouts.map(async (checkout) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        await work(item, checkout)
      }
    }),
  )
}

/** Prints what no test noticed, and the score; returns the exit code. */
function report(
  tried: readonly Tried[],
  all: readonly Mutation[],
  equivalents: ReadonlyMap<string, string>,
  picked: readonly Mutation[],
): number {
  const survivors = tried.filter(({ killedBy }) => killedBy === null)
  for (const { mutation } of survivors) console.log(textOf(mutation))
  const keys = new Set(all.map(({ key }) => key))
  for (const key of equivalents.keys()) {
    if (!keys.has(key)) console.log(`no longer there, so remove it from ${EQUIVALENTS}:\n${key}\n`)
  }
  const noticed = tried.length - survivors.length
  const share = tried.length === 0 ? 100 : (noticed / tried.length) * 100
  console.log(
    `${noticed} of ${tried.length} mutations noticed, ${share.toFixed(1)} %; ` +
      `${picked.length - tried.length} more change nothing; ${all.length} in all`,
  )
  return survivors.length === 0 ? 0 : 1
}

/** As it stands in equivalent.txt, but for the line and the kind. */
function textOf({ key, line, kind }: Mutation): string {
  return `${key}\n# line ${line}, ${kind}\n`
}
