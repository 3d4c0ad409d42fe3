import { expect, test } from 'bun:test'
import { exitCodeOf, type Finding, reportsJson, reportText } from '../../doctor/finding.ts'

const GOOD: Finding = { name: 'steal', severity: 'good', text: 'No time is stolen.' }
const NOTE: Finding = { name: 'nat', severity: 'note', text: 'nft may not be read.' }
const FAULT: Finding = {
  name: 'conntrack_full',
  severity: 'fault',
  text: 'The table is full: 262,144 of 262,144 entries.',
  cost: 'Packets of every service are dropped.',
  remedy: 'Enlarge it:\nsysctl -w net.netfilter.nf_conntrack_max=1048576',
}
const WARNING: Finding = { name: 'rmem_max', severity: 'warning', text: 'It is small.' }

const report = (...findings: Finding[]) => ({ subject: 'this host', findings })

test('exit code: 1 once something is wrong', () => {
  expect(exitCodeOf([report()])).toBe(0)
  expect(exitCodeOf([report(GOOD, NOTE)])).toBe(0)
  expect(exitCodeOf([report(GOOD), report(WARNING)])).toBe(1)
  expect(exitCodeOf([report(FAULT)])).toBe(1)
})

test('text: the worst first, with cost and remedy, and commands as they are typed', () => {
  expect(reportText(report(GOOD, FAULT))).toBe(`this host: 1 fault, 1 good

fault    The table is full: 262,144 of 262,144 entries. [conntrack_full]
         Packets of every service are dropped.
         → Enlarge it:
             sysctl -w net.netfilter.nf_conntrack_max=1048576
good     No time is stolen. [steal]
`)
})

test('text from outside cannot write control characters to the terminal', () => {
  const bad: Finding = { name: 'x', severity: 'note', text: 'a\u001b[2J', remedy: 'b\nc\u0007' }
  expect(reportText({ subject: 'u\u001b', findings: [bad] })).not.toMatch(/[^\P{Cc}\n]/u)
})

test('JSON: all findings of all subjects, the worst first', () => {
  const text = reportsJson([report(NOTE, FAULT), { subject: 'udp://a', findings: [] }], '1.0')
  expect(JSON.parse(text)).toEqual({
    program: 'aquatic_doctor',
    version: '1.0',
    good: false,
    reports: [
      { subject: 'this host', findings: [FAULT, NOTE] },
      { subject: 'udp://a', findings: [] },
    ],
  })
})
