// The tables that udp.ts prints. Pure functions over its runs.

import type { Candidate } from '../../load/compare/candidates.ts'
import { median, spread, table } from '../../load/statistics.ts'
import type { Run } from './udp.ts'

/** A tracker's core counts as full from here; below, its responses per second say little. */
const FULL_CORE_SHARE = 0.95
/** Of a full core, what the tracker itself must have. The kernel does some of its work apart. */
const OWN_SHARE = 0.9

export function cpuReport(candidates: Candidate[], rounds: Run[][]): string[] {
  const rows = candidates.map(({ name }) => {
    const runs = runsOf(name, rounds)
    const of = (read: (run: Run) => number) => runs.map(read)
    return [
      name,
      spread(
        of((run) => run.cpuMicros),
        3,
      ),
      ratioText(name, rounds),
      rateText(runs),
      percent(of((run) => run.processShare)),
      percent(of((run) => run.coreShare)),
      median(of((run) => run.peersPerAnnounce)).toFixed(1),
      percent(of((run) => run.errorShare)),
      megabytes(of((run) => run.rssKb)),
      megabytes(of((run) => run.peakKb)),
    ]
  })
  const head = [
    'tracker',
    'CPU µs per response',
    'ours ÷ it',
    'responses/s',
    'process on its core',
    'core busy',
    'peers per announce',
    'errors',
    'resident MB',
    'peak MB',
  ]
  return [
    table(head, rows),
    '',
    `Medians of ${rounds.length} rounds (lowest–highest). «ours ÷ it»: the median of the ratios of`,
    'CPU time per response within each round; below 1, ours needs less. In brackets: responses/s',
    `of a tracker that did not fill its core (busy ${FULL_CORE_SHARE * 100} %, the tracker itself ${OWN_SHARE * 100} %).`,
    '',
    ...versions(candidates, rounds),
  ]
}

export function memoryReport(candidates: Candidate[], rounds: Run[][]): string[] {
  const rows = candidates.map(({ name }) => {
    const runs = runsOf(name, rounds)
    return [
      name,
      megabytes(runs.map((run) => run.rssKb)),
      megabytes(runs.map((run) => run.peakKb)),
      megabytes(runs.map((run) => run.idleKb)),
      String(Math.round(median(runs.map((run) => run.responsesPerSecond)))),
    ]
  })
  return [
    table(['tracker', 'resident MB', 'peak MB', 'before the load MB', 'responses/s'], rows),
    '',
    'Resident memory (VmRSS, MB of 2^20 bytes) of the whole process after 45 s of the generator at',
    'full speed. The white list of opentracker, 1,000,000 hashes, is part of its memory.',
    '',
    ...versions(candidates, rounds),
  ]
}

function runsOf(name: string, rounds: Run[][]): Run[] {
  return rounds.flatMap((row) => row.filter((run) => run.name === name))
}

function ratioText(name: string, rounds: Run[][]): string {
  if (name === 'ours') return '1'
  const ratios: number[] = []
  for (const row of rounds) {
    const ours = row.find((run) => run.name === 'ours')
    const it = row.find((run) => run.name === name)
    if (ours !== undefined && it !== undefined) ratios.push(ours.cpuMicros / it.cpuMicros)
  }
  return spread(ratios, 3)
}

function rateText(runs: Run[]): string {
  const rate = spread(
    runs.map((run) => run.responsesPerSecond),
    0,
  )
  const full =
    median(runs.map((run) => run.coreShare)) >= FULL_CORE_SHARE &&
    median(runs.map((run) => run.processShare)) >= OWN_SHARE
  return full ? rate : `[${rate}]`
}

function percent(shares: number[]): string {
  return `${(median(shares) * 100).toFixed(1)} %`
}

function megabytes(kilobytes: number[]): string {
  return spread(
    kilobytes.map((kb) => kb / 1024),
    1,
  )
}

function versions(candidates: Candidate[], rounds: Run[][]): string[] {
  const stolen = rounds.flat().map((run) => run.stolenShare)
  const foreign = rounds.flat().map((run) => run.coreShare - run.processShare)
  return [
    ...candidates.map(({ name, version }) => {
      const remark = runsOf(name, rounds).find((run) => run.remark !== '')?.remark
      return `- ${name}: ${version}${remark === undefined ? '' : ` (${remark})`}`
    }),
    `- used on the tracker's core by others, kernel threads included: ${spread(foreign.map(hundred), 1)} %`,
    `- taken from the tracker's core by the hypervisor: ${spread(stolen.map(hundred), 1)} %`,
  ]
}

function hundred(share: number): number {
  return share * 100
}
