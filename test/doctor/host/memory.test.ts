import { describe, expect, test } from 'bun:test'
import { hugePages, memoryLimit, overcommit } from '../../../doctor/host/checks/memory.ts'
import { plantedHost, subjectOf, UDP_ONLY } from './planted.ts'

const OVERCOMMIT = '/proc/sys/vm/overcommit_memory'
const MEMINFO =
  'MemTotal:  8388608 kB\nSwapTotal: 0 kB\nCommitLimit: 4194304 kB\nCommitted_AS: 1048576 kB\n'

describe('overcommit', () => {
  const found = (mode: string, meminfo = MEMINFO) =>
    overcommit(subjectOf(plantedHost({ [OVERCOMMIT]: mode, '/proc/meminfo': meminfo })))[0]

  test('strict, with less left than the limits reserve, is a fault', () => {
    expect(found('2\n')).toMatchObject({
      severity: 'fault',
      text: 'All reserved memory counts (vm.overcommit_memory = 2): 3.22 GB may still be reserved, and 4.29 GB are asked for by the settings.',
      remedy: expect.stringContaining('\nsysctl -w vm.overcommit_memory=0'),
    })
  })

  test('strict, with enough left, is a note', () => {
    expect(found('2', MEMINFO.replace('4194304', '16777216')).severity).toBe('note')
  })

  test('by the kernel’s judgement, more than the machine has may be refused', () => {
    expect(found('0').severity).toBe('good')
    expect(found('0', MEMINFO.replace('8388608', '2097152')).severity).toBe('warning')
    expect(found('1', MEMINFO.replace('8388608', '2097152')).severity).toBe('good')
  })
})

test.each([
  ['always madvise [never]', 'note', 'There are no transparent huge pages'],
  ['[always] madvise never', 'note', 'asked for or not'],
  ['always [madvise] never', 'good', 'Programs that ask'],
])('huge pages: %s', (text, severity, sentence) => {
  const path = '/sys/kernel/mm/transparent_hugepage/enabled'
  const [finding] = hugePages(subjectOf(plantedHost({ [path]: `${text}\n` })))
  expect(finding.severity).toBe(severity as 'good')
  expect(finding.text).toContain(sentence)
  const command = `Give them to programs that ask:\necho madvise > ${path}`
  expect(finding.remedy).toBe(severity === 'good' ? undefined : command)
  // Other programs may depend on it.
  expect(finding.changes).toBeUndefined()
})

describe('limits of control groups', () => {
  const TRACKER = { pid: 7, program: 'aquatic_udp', wants: UDP_ONLY }
  const unified = {
    '/proc/7/cgroup': '0::/system.slice/aquatic_udp.service\n',
    '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
    '/proc/meminfo': MEMINFO,
  }

  test('that of any group around counts, the smallest first', () => {
    const host = plantedHost({
      ...unified,
      '/sys/fs/cgroup/system.slice/memory.max': '1073741824\n',
      '/sys/fs/cgroup/system.slice/aquatic_udp.service/memory.max': 'max\n',
    })
    expect(memoryLimit(subjectOf(host, UDP_ONLY, [TRACKER]))).toMatchObject([
      {
        severity: 'good',
        text: 'The control group of aquatic_udp (process 7) limits memory to 1.07 GB.',
      },
    ])
  })

  test('processes that were ended for it', () => {
    const folder = '/sys/fs/cgroup/system.slice/aquatic_udp.service'
    const host = plantedHost({
      ...unified,
      [`${folder}/memory.max`]: '1073741824\n',
      [`${folder}/memory.events`]: 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n',
    })
    const none = plantedHost({
      ...unified,
      [`${folder}/memory.max`]: '1073741824\n',
      [`${folder}/memory.events`]: 'oom_kill 0\n',
    })
    expect(memoryLimit(subjectOf(none, UDP_ONLY, [TRACKER]))[0].severity).toBe('good')
    expect(memoryLimit(subjectOf(host, UDP_ONLY, [TRACKER]))[0]).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('ended for it: 2 since'),
    })
  })

  test('of the old kind', () => {
    const host = plantedHost({
      '/proc/self/cgroup': '4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n',
      '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': '67108864\n',
      '/proc/meminfo': MEMINFO,
    })
    expect(memoryLimit(subjectOf(host))[0]).toMatchObject({ severity: 'warning' })
  })

  test('none is good, and unknown is said', () => {
    expect(memoryLimit(subjectOf(plantedHost(unified), UDP_ONLY, [TRACKER]))[0].severity).toBe(
      'good',
    )
    expect(memoryLimit(subjectOf(plantedHost({})))[0].text).toContain('unknown')
  })
})
