import { expect, test } from 'bun:test'
import { openFiles, systemFiles } from '../../../doctor/host/checks/descriptors.ts'
import { plantedHost, subjectOf, UDP_ONLY, WANTS } from './planted.ts'

const limits = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                 524288               files\n`

test('a running tracker is judged by its own limit and its own settings', () => {
  const trackers = [
    { pid: 7, program: 'aquatic_http', wants: WANTS },
    { pid: 8, program: 'aquatic_ws', wants: { ...WANTS, connections: 500 } },
    { pid: 9, program: 'aquatic_udp', wants: UDP_ONLY },
  ]
  const files = { '/proc/7/limits': limits('1024'), '/proc/8/limits': limits('1024') }
  expect(openFiles(subjectOf(plantedHost(files), WANTS, trackers))).toMatchObject([
    {
      severity: 'warning',
      text: 'Open files of aquatic_http (process 7): 1,024, for up to 100,000 connections by its settings.',
      remedy: expect.stringContaining('\nLimitNOFILE=104096\n'),
    },
    { severity: 'good' },
  ])
})

test('a shell’s limit is only a note, since services have their own', () => {
  const [few] = openFiles(subjectOf(plantedHost({ '/proc/self/limits': limits('1024') })))
  expect(few.severity).toBe('note')
  const [many] = openFiles(subjectOf(plantedHost({ '/proc/self/limits': limits('unlimited') })))
  expect(many.severity).toBe('good')
})

test('limits of the system', () => {
  const files = (most: number, perProcess: number, open: number) => ({
    '/proc/sys/fs/file-max': `${most}\n`,
    '/proc/sys/fs/nr_open': `${perProcess}\n`,
    '/proc/sys/fs/file-nr': `${open}\t0\t${most}\n`,
  })
  const found = (most: number, perProcess: number, open: number) =>
    systemFiles(subjectOf(plantedHost(files(most, perProcess, open))))[0]
  expect(found(1_000_000, 1_048_576, 1000).severity).toBe('good')
  expect(found(1_000_000, 65_536, 1000)).toMatchObject({
    severity: 'warning',
    changes: [{ key: 'fs.nr_open', value: '131072' }],
  })
  expect(found(1_000_000, 1_048_576, 900_000).severity).toBe('fault')
  expect(found(50_000, 1_048_576, 100).severity).toBe('warning')
})
