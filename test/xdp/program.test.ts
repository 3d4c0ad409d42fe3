// The program for network cards: what it says, and that the kernel takes it. What it does with packets is tested in
// test/udp/xdp.test.ts, on a card.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadProgram } from '../../src/os/bpf.ts'
import { libc } from '../../src/os/ffi.ts'
import { Assembler } from '../../src/xdp/assembler.ts'
import { PORT_RANGES_MAX, type PortRange, redirectProgram } from '../../src/xdp/program.ts'
import { newMaps, WHY_NO_XDP } from '../support/xdp.ts'

const MAC = Uint8Array.of(0x02, 0x11, 0x22, 0x33, 0x44, 0x55)

function program(ports: readonly PortRange[], maps = { destinations: 3, sockets: 4, passed: 5 }) {
  return redirectProgram({ mac: MAC, ports, maps })
}

test('its listing is the one that was read and agreed to', () => {
  const listing = program([
    { from: 3000, to: 3000 },
    { from: 40000, to: 40100 },
  ]).listing()
  expect(listing).toBe(readFileSync(join(import.meta.dir, 'program.txt'), 'utf8'))
})

test('instructions are encoded as the kernel documents them', () => {
  const assembler = new Assembler()
  assembler.move('r1', 'r2')
  assembler.move('r3', -1)
  assembler.load(2, 'r4', 'r5', 12)
  assembler.store(1, 'r10', -4, 'r6')
  assembler.loadMap('r1', 77, 'map')
  assembler.jumpIf('r7', '!=', 5, 'end')
  assembler.call('redirect_map')
  assembler.label('end')
  assembler.exit()
  const bytes = Buffer.from(assembler.words().buffer)
  const rows = Array.from({ length: bytes.length / 8 }, (_, i) =>
    bytes.subarray(i * 8, i * 8 + 8).toString('hex'),
  )
  expect(rows).toEqual([
    'bf21000000000000',
    'b7030000ffffffff',
    '69540c0000000000',
    '736afcff00000000',
    '181100004d000000',
    '0000000000000000',
    '5607010005000000',
    '8500000033000000',
    '9500000000000000',
  ])
})

test('a label that is missing, or stands twice, is a bug', () => {
  const assembler = new Assembler()
  assembler.jump('nowhere')
  expect(() => assembler.words()).toThrow('no label nowhere')
  assembler.label('here')
  expect(() => assembler.label('here')).toThrow('twice')
})

test.skipIf(WHY_NO_XDP !== '')(`the verifier accepts it${WHY_NO_XDP}`, () => {
  const { maps, close } = newMaps()
  for (const count of [1, 2, PORT_RANGES_MAX]) {
    const ports = Array.from({ length: count }, (_, i) => ({
      from: 1000 + 2 * i,
      to: 1001 + 2 * i,
    }))
    libc.close(loadProgram('aquatic', program(ports, maps).words()))
  }
  close()
})

test.skipIf(WHY_NO_XDP !== '')(
  `what the verifier refuses is told in its words${WHY_NO_XDP}`,
  () => {
    const assembler = new Assembler()
    assembler.load(4, 'r2', 'r1', 0)
    assembler.load(4, 'r0', 'r2', 0)
    assembler.exit()
    expect(() => loadProgram('bad', assembler.words())).toThrow(
      /EACCES[\s\S]*invalid access to packet/,
    )
  },
)
