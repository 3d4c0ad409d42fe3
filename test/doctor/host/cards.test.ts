import { describe, expect, test } from 'bun:test'
import { cards, maskOf } from '../../../doctor/host/checks/cards.ts'
import type { HostFinding } from '../../../doctor/host/view.ts'
import { findingNamed, plantedHost, subjectOf } from './planted.ts'

const CARD = '/sys/class/net/eth0'

function stat(cpus: number, soft = 0): string {
  const line = (name: string) => `${name} 0 0 0 ${100_000 + 200 - soft} 0 0 ${soft} 0 0 0\n`
  return line('cpu ') + Array.from({ length: cpus }, (_, i) => line(`cpu${i}`)).join('')
}

interface PlantedCard {
  readonly queues?: number
  readonly cpus?: number
  readonly mask?: string
  readonly packets?: number
  readonly missed?: number
  readonly interrupts?: string
}

function files({
  queues = 1,
  cpus = 4,
  mask = '0',
  packets = 0,
  missed = 0,
  interrupts = '',
}: PlantedCard) {
  const masks = Array.from({ length: queues }, (_, i) => [
    `${CARD}/queues/rx-${i}/rps_cpus`,
    `${mask}\n`,
  ])
  return {
    '/proc/stat': stat(cpus),
    '/proc/uptime': '1000.00 900.00\n',
    '/proc/interrupts': interrupts,
    [`${CARD}/device/vendor`]: '0x1\n',
    [`${CARD}/queues/tx-0/xps_cpus`]: '0\n',
    [`${CARD}/statistics/rx_packets`]: `${packets}\n`,
    [`${CARD}/statistics/rx_missed_errors`]: `${missed}\n`,
    [`${CARD}/statistics/rx_dropped`]: '0\n',
    '/sys/class/net/lo/mtu': '65536\n',
    ...Object.fromEntries(masks),
  }
}

function found(
  card: PlantedCard,
  planted: Parameters<typeof plantedHost>[1] = {},
): readonly HostFinding[] {
  return cards(subjectOf(plantedHost(files(card), planted)))
}

describe('receive packet steering', () => {
  const steering = (card: PlantedCard) => findingNamed(found(card), 'receive_steering')

  test('with fewer queues than processors and many packets it is missed', () => {
    expect(steering({ packets: 46_000_000 })).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('eth0 has one receive queue for 4 processors'),
      changes: [{ kind: 'card', card: 'eth0', attribute: 'queues/rx-0/rps_cpus', value: 'f' }],
    })
  })

  test('with few packets it is a note', () => {
    expect(steering({ packets: 1000 })).toMatchObject({ severity: 'note', changes: [] })
  })

  test('steered, or with a queue for each processor, it is good', () => {
    expect(steering({ packets: 46_000_000, mask: '00000000,0000000f' }).severity).toBe('good')
    expect(steering({ packets: 46_000_000, queues: 4 }).severity).toBe('good')
    expect(steering({ packets: 46_000_000, mask: '00000000,00000000' }).severity).toBe('warning')
  })

  test.each([
    [1, '1'],
    [4, 'f'],
    [32, 'ffffffff'],
    [40, 'ff,ffffffff'],
    [64, 'ffffffff,ffffffff'],
  ])('the mask of %d processors', (cpus, mask) => expect(maskOf(cpus)).toBe(mask))
})

describe('rings and drops', () => {
  const rings = { eth0: { size: 256, sizeMax: 8192 } }

  test('a small ring is a note, and a warning once packets were missed', () => {
    expect(findingNamed(found({}, { rings }), 'card_ring')).toMatchObject({
      severity: 'note',
      changes: [{ kind: 'ring', card: 'eth0', size: 4096 }],
    })
    expect(findingNamed(found({ missed: 1 }, { rings }), 'card_ring').severity).toBe('warning')
  })

  test('one that cannot be larger is good', () => {
    const small = { eth0: { size: 256, sizeMax: 256 } }
    expect(findingNamed(found({}, { rings: small }), 'card_ring').severity).toBe('good')
  })

  test('queues that a card has and nobody uses', () => {
    const of = (count: number, countMax: number) =>
      findingNamed(
        found({}, { queues: { eth0: { count, countMax, kind: 'combined' } } }),
        'card_queues',
      )
    expect(of(1, 8)).toMatchObject({
      severity: 'warning',
      text: 'eth0 receives with 1 of the 8 queues that it has.',
      remedy: expect.stringContaining('\nethtool -L eth0 combined 4'),
    })
    expect(of(4, 8).severity).toBe('good')
    expect(of(1, 1).severity).toBe('good')
  })

  test('what the card drops', () => {
    const path = `${CARD}/statistics/rx_missed_errors`
    const findings = found({ packets: 1000, missed: 500 }, { earlier: { [path]: '100\n' } })
    expect(findingNamed(findings, 'card_drops')).toMatchObject({
      severity: 'fault',
      text: 'eth0 dropped 500 packets since the system started (50 % of all), 200 per second now (rx_missed_errors 500).',
    })
    expect(findingNamed(found({ packets: 1000 }), 'card_drops').severity).toBe('good')
  })
})

describe('interrupts of several queues', () => {
  const table = (a: readonly number[], b: readonly number[]) =>
    `           CPU0       CPU1\n` +
    `  9:          5          5   IO-APIC   9-fasteoi   acpi\n` +
    ` 30:   ${a[0]}   ${a[1]}  PCI-MSI 1-edge      eth0-TxRx-0\n` +
    ` 31:   ${b[0]}   ${b[1]}  PCI-MSI 2-edge      eth0-TxRx-1\n`

  test('on one processor: how to spread them', () => {
    const card = { cpus: 2, queues: 2, interrupts: table([90_000, 0], [90_000, 10]) }
    expect(findingNamed(found(card), 'interrupts')).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('processor 0 took'),
      remedy: expect.stringContaining(
        '\necho 0 > /proc/irq/30/smp_affinity_list\necho 1 > /proc/irq/31/smp_affinity_list',
      ),
    })
  })

  test('on both it is good', () => {
    const card = { cpus: 2, queues: 2, interrupts: table([90_000, 0], [0, 90_000]) }
    expect(findingNamed(found(card), 'interrupts').severity).toBe('good')
  })

  test('a virtio card is known by the numbers beside its device', () => {
    const interrupts = table([90_000, 0], [90_000, 0]).replaceAll('eth0-TxRx', 'virtio2-input')
    const more = {
      [`${CARD}/device/../msi_irqs/30`]: 'msix\n',
      [`${CARD}/device/../msi_irqs/31`]: 'msix\n',
    }
    const affinity = { '/proc/irq/30/smp_affinity_list': '0-1\n' }
    const host = plantedHost({
      ...files({ cpus: 2, queues: 2, interrupts }),
      ...more,
      ...affinity,
    })
    expect(findingNamed(cards(subjectOf(host)), 'interrupts')).toMatchObject({
      severity: 'warning',
      text: expect.stringContaining('took 100 % (the first may go to processors 0-1).'),
    })
  })
})

test('without a card this is said', () => {
  expect(cards(subjectOf(plantedHost({ '/sys/class/net/lo/mtu': '1\n' })))).toMatchObject([
    { name: 'cards', severity: 'note' },
  ])
})
