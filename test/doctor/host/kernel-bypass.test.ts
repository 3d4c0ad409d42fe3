import { expect, test } from 'bun:test'
import { kernelBypass } from '../../../doctor/host/checks/kernel-bypass.ts'
import { plantedHost, subjectOf, WANTS } from './planted.ts'

const CARD = '/sys/class/net/eth0'
const PROTOCOLS = 'protocol  size sockets\nUDP 1 2\nXDP       1088      0\nTCP 1 2\n'

function said(release: string, driver: string, protocols = PROTOCOLS, servesUdp = true): string {
  const files = {
    '/proc/sys/kernel/osrelease': `${release}\n`,
    '/proc/net/protocols': protocols,
    [`${CARD}/device/vendor`]: '0x1\n',
    [`${CARD}/queues/rx-0/rps_cpus`]: '0\n',
    [`${CARD}/queues/rx-1/rps_cpus`]: '0\n',
  }
  const links = { [`${CARD}/device/driver`]: `../../../bus/pci/drivers/${driver}` }
  const subject = subjectOf(plantedHost(files, { links }), { ...WANTS, servesUdp })
  const found = kernelBypass(subject)
  for (const { severity } of found) expect(severity).toBe('note')
  return found.map(({ text }) => text).join()
}

test('what the cards can is said: driver and queues', () => {
  expect(said('6.1.0-13-amd64', 'ice')).toBe(
    'UDP past the kernel (packet_path): it is worth it from some 100,000 packets per second on. eth0 (driver ice ' +
      'and 2 receive queues, a worker for each) can natively, perhaps without copying.',
  )
  expect(said('5.9.0', 'ena')).toContain('can natively.')
  expect(said('6.1.0', 'r8169')).toContain("can at least with xdp_mode = 'generic'")
})

test('so is what the kernel lacks', () => {
  expect(said('5.8.18', 'ice')).toContain('Linux 5.9 is needed, and this is 5.8.18.')
  expect(said('4.19.0', 'ice')).toContain('Linux 5.9 is needed')
  expect(said('6.1.0', 'ice', 'UDP 1 2\n')).toContain('without CONFIG_XDP_SOCKETS')
})

test('who serves no UDP is not told', () => {
  expect(said('6.1.0', 'ice', PROTOCOLS, false)).toBe('')
})
