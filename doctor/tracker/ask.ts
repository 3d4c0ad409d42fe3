// Asks trackers as clients do, and prints what was found. Called by doctor/main.ts.
import { readFileSync } from 'node:fs'
import { version } from '../../package.json'
import { writeStderr, writeStdout } from '../../src/config/output.ts'
import { type DoctorLine, UsageError } from '../command-line.ts'
import {
  EXIT_GOOD,
  EXIT_WRONG,
  exitCodeOf,
  type Report,
  reportsJson,
  reportText,
} from '../finding.ts'
import { checksOf, type Listed, type Outcome, runConformance } from './conformance.ts'
import { PATIENCE } from './deadline.ts'
import { diagnose } from './diagnose.ts'
import {
  type Endpoint,
  listedHashes,
  type Protocol,
  parseTrackerUrl,
  type TrackerUrl,
} from './endpoint.ts'
import { type Naming, placesOf } from './resolve.ts'
import { conformanceJson, listJson, listText, type Subject, TAP_HEAD, TapSubject } from './tap.ts'

/** Returns the exit code. */
export async function askTrackers(line: DoctorLine): Promise<number> {
  const urls = line.urls.map((text) => {
    const url = parseTrackerUrl(text)
    if ('mistake' in url) throw new UsageError(url.mistake)
    return url
  })
  if (line.asking.list) return list(urls, line)
  if (line.conformance) return conformance(urls, line)
  return examine(urls, line)
}

/** No tracker needs more to be asked about. */
const HASHES_MAX = 100_000

function namingOf({ resolve: addresses, nameServer, infoHashes }: DoctorLine['asking']): Naming {
  if (infoHashes === null) return { addresses, nameServer, patience: PATIENCE }
  let text: string
  try {
    text = readFileSync(infoHashes, 'latin1')
  } catch (error) {
    throw new UsageError(`--info-hashes: ${(error as Error).message}`)
  }
  const list = text.match(/^[\da-f]{40}\b/gim)?.slice(0, HASHES_MAX) ?? []
  if (list.length === 0)
    throw new UsageError(`--info-hashes: ${infoHashes} has no line with 40 hex digits`)
  return {
    addresses,
    nameServer,
    patience: PATIENCE,
    hashes: listedHashes(list.map((hex) => Buffer.from(hex, 'hex'))),
  }
}

async function examine(urls: readonly TrackerUrl[], { asking, json }: DoctorLine): Promise<number> {
  const reports: Report[] = []
  for (const url of urls) {
    const means = namingOf(asking)
    for (const report of await diagnose(url, means)) {
      reports.push(report)
      if (!json) print(`${reports.length > 1 ? '\n' : ''}${reportText(report)}`)
    }
  }
  if (json) print(reportsJson(reports, version))
  return exitCodeOf(reports)
}

function wantedBy({ asking: { only } }: DoctorLine): (check: Listed) => boolean {
  if (only === null) return () => true
  const parts = only.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(parts.join('.*'))
  return ({ name }) => pattern.test(name)
}

function list(urls: readonly TrackerUrl[], line: DoctorLine): number {
  const protocols: Protocol[] =
    urls.length > 0 ? urls.map(({ protocol }) => protocol) : ['udp', 'http', 'ws']
  const checks = [...new Set(protocols.flatMap(checksOf))].filter(wantedBy(line))
  print(line.json ? listJson(checks) : listText(checks))
  return EXIT_GOOD
}

async function conformance(urls: readonly TrackerUrl[], line: DoctorLine): Promise<number> {
  const wanted = wantedBy(line)
  for (const { protocol, text } of urls) {
    if (!checksOf(protocol).some(wanted))
      throw new UsageError(`--only: no check of ${text} has such a name`)
  }
  const subjects: Subject[] = []
  if (!line.json) print(TAP_HEAD)
  for (const endpoint of await endpointsOf(urls, line)) {
    subjects.push(
      await checkOne(endpoint, subjects.length + 1, wanted, line.json ? () => {} : print),
    )
  }
  print(line.json ? conformanceJson(subjects, version) : `1..${subjects.length}\n`)
  const isGood = ({ outcomes }: Subject) => outcomes.every(({ result }) => result !== 'fail')
  return subjects.every(isGood) ? EXIT_GOOD : EXIT_WRONG
}

async function endpointsOf(
  urls: readonly TrackerUrl[],
  { asking }: DoctorLine,
): Promise<Endpoint[]> {
  const naming = namingOf(asking)
  const all: Endpoint[] = []
  for (const url of urls) {
    const places = await placesOf(url, naming)
    if (places.failure !== '') throw new UsageError(`${url.host}: ${places.failure}`)
    const [away] = places.outOfReach
    if (places.endpoints.length === 0)
      throw new UsageError(`this machine cannot reach ${away}: it has no address of that family`)
    if (away !== undefined)
      writeStderr(
        `aquatic_doctor: not asked, since this machine has no address of that family: ${places.outOfReach.join(', ')}\n`,
      )
    all.push(...places.endpoints)
  }
  return all
}

async function checkOne(
  endpoint: Endpoint,
  number: number,
  only: (check: Listed) => boolean,
  tell: (text: string) => void,
): Promise<Subject> {
  const { url, address } = endpoint
  const title = `${url.text} at ${address}`
  const tap = new TapSubject()
  const outcomes: Outcome[] = []
  tell(tap.begin(title, checksOf(url.protocol).filter(only).length))
  await runConformance({
    endpoint,
    patience: PATIENCE,
    only,
    told: (outcome) => {
      outcomes.push(outcome)
      tell(tap.outcome(outcome))
    },
  })
  tell(tap.end(number, title))
  return { url: url.text, address, outcomes }
}

function print(text: string): void {
  const failure = writeStdout(text)
  if (failure !== null) throw new UsageError(`cannot write to standard output: ${failure}`)
}
