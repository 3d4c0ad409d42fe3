import { expect, test } from 'bun:test'
import type { Log } from '../../../src/log/log.ts'
import { addressKey } from '../../../src/tcp/client-address.ts'
import {
  type ClientReport,
  ClientReports,
  writeReport,
} from '../../../src/ws/worker/client-reports.ts'

test('a worker tells of at most 60 clients a minute, and of none when nobody wants to know', () => {
  const posted: ClientReport[] = []
  const reports = new ClientReports(false, (report) => posted.push(report))
  reports.setTime(1000)
  reports.tell('backlog', 0, 1)
  expect(posted).toEqual([])
  reports.wanted = true
  for (let second = 1000; second < 1120; second++) {
    reports.setTime(second)
    for (let i = 0; i < 10; i++) reports.tell('backlog', 0, i)
  }
  expect(posted.length).toBe(120)
  expect(posted[61]).toEqual({ event: 'backlog', high: 0, low: 1 })
})

test('a line names the address that connections count under', () => {
  const lines: string[] = []
  const log = { debug: (text: string) => lines.push(text) } as unknown as Log
  for (const address of ['203.0.113.200', '2001:db8:1:22::5', '::1']) {
    writeReport({ event: 'backlog', ...addressKey(address) }, 'plain', log)
  }
  const what = 'closed: it does not read, and [limits] max_backlog_bytes are waiting for it'
  expect(lines).toEqual([
    `203.0.113.200 ${what}`,
    `2001:db8:1:22::/64 ${what}`,
    `0:0:0:0::/64 ${what}`,
  ])
})
