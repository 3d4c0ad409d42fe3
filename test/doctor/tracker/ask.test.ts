// aquatic_doctor URL… as people and programs run it: what it prints, and its exit code. Run from the source.
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checksOf } from '../../../doctor/tracker/conformance.ts'
import { inFolder } from '../../support/folder.ts'
import { NameServer } from '../../support/name-server.ts'
import { errorOf, type UdpFault, UdpTracker } from './udp-tracker.ts'

const PROGRAM = join(import.meta.dir, '../../../bin/aquatic_doctor.ts')

async function run(...args: string[]) {
  const child = Bun.spawn([process.execPath, PROGRAM, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code: child.exitCode, stdout, stderr }
}

async function runOn(fault: UdpFault, ...args: string[]) {
  const tracker = await UdpTracker.open(fault)
  try {
    return await run(...args, `udp://127.0.0.1:${tracker.port}/announce`)
  } finally {
    tracker.close()
  }
}

/** Without the port, which differs each time. */
const plain = (text: string) => text.replace(/127\.0\.0\.1:\d+/g, 'HOST')

const WRONG_SIZE: UdpFault = {
  answer: (right) => (right?.length === 16 ? Buffer.concat([right, Buffer.alloc(4)]) : right),
}

describe('--conformance', () => {
  test('TAP 14, with the reason of each failure', async () => {
    const { code, stdout } = await runOn(
      WRONG_SIZE,
      '--conformance',
      '--only',
      'udp/connect/*6-bytes',
    )
    expect(plain(stdout)).toBe(`TAP version 14
# Subtest: udp://HOST/announce at 127.0.0.1
    1..1
    not ok 1 - udp/connect/16-bytes
      ---
      message: "its size is 20 instead of 16"
      says: "A connect response has 16 bytes, as many as the request: nothing is amplified."
      source: "BEP 15"
      specified: true
      ...
not ok 1 - udp://HOST/announce at 127.0.0.1
1..1
`)
    expect(code).toBe(1)
  })

  test('exit code 0 when all pass, and JSON', async () => {
    const { code, stdout } = await runOn({}, '--conformance', '--json', '--only', 'udp/connect/a')
    const { good, trackers } = JSON.parse(stdout)
    expect([code, good]).toEqual([0, true])
    expect(
      trackers[0].checks.map(
        ({ name, result }: { name: string; result: string }) => `${name} ${result}`,
      ),
    ).toEqual([
      'udp/connect/answered pass',
      'udp/connect/answered-from-the-address-asked pass',
      'udp/connect/answered-once pass',
    ])
  })

  test('of a tracker that is not there, one failure says so', async () => {
    const { code, stdout } = await run(
      '--conformance',
      '--only',
      'tls',
      'https://127.0.0.1:1/announce',
    )
    expect(code).toBe(1)
    expect(stdout.match(/^ {4}not ok /gm)).toHaveLength(1)
    expect(stdout.match(/ok \d+ - .* # SKIP the tracker does not answer any more\n/g)).toHaveLength(
      3,
    )
  })

  test('several trackers are numbered', async () => {
    const one = await UdpTracker.open()
    const url = `udp://127.0.0.1:${one.port}/announce`
    const { stdout } = await run('--conformance', '--only', '16-bytes', url, url)
    one.close()
    expect(stdout).toContain('\nok 2 - udp://')
    expect(stdout).toEndWith('\n1..2\n')
  })

  test('--list: all checks, or those of a protocol', async () => {
    const all = ['udp', 'http', 'ws'] as const
    const count = all.reduce((sum, protocol) => sum + checksOf(protocol).length, 0)
    expect(JSON.parse((await run('--conformance', '--list', '--json')).stdout)).toHaveLength(count)
    const { code, stdout } = await run('--conformance', '--list', 'udp://a:1')
    expect(code).toBe(0)
    expect(stdout).toContain(
      'udp/scrape/keeps-the-order\n    Counts come in the order of the request. (BEP 15)\n',
    )
    expect(stdout).not.toContain('http/')
  })

  test('--info-hashes: of a tracker that serves listed ones only', async () => {
    const hash = 'ab'.repeat(20)
    const listed: UdpFault = {
      answer: (right, packet) =>
        right !== null && packet.readUInt32BE(8) === 1 && packet.toString('hex', 16, 36) !== hash
          ? errorOf(packet, 'Not listed')
          : right,
    }
    const only = ['--conformance', '--only', 'udp/peers/']
    expect((await runOn(listed, ...only)).stdout).toContain('not ok')
    await inFolder(async (folder) => {
      const file = join(folder, 'list.txt')
      writeFileSync(file, `# mine\n${hash.toUpperCase()} a name\n`)
      const { stdout } = await runOn(listed, ...only, '--info-hashes', file)
      expect(stdout).toContain('ok 1 - udp/peers/first-is-returned-to-the-second\n')
      expect(stdout).toContain('# SKIP it needs an info hash that is not listed')
      writeFileSync(file, 'nothing\n')
      expect((await runOn(listed, '--info-hashes', file)).stderr).toContain(
        'has no line with 40 hex digits',
      )
    })
  })

  test.each([
    [
      ['--only', 'no-such-check', 'udp://127.0.0.1:1'],
      'no check of udp://127.0.0.1:1 has such a name',
    ],
    [['udp://127.0.0.1'], "'udp://127.0.0.1' has no port"],
    [['udp://127.0.0.1:1', '--info-hashes', '/nonexistent'], '--info-hashes: ENOENT'],
  ])('%j is a mistake', async (args, part) => {
    const { code, stderr } = await run('--conformance', ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(part)
  })
})

test('a report of each address, and exit code 1 once something is wrong', async () => {
  const names = await NameServer.open({ 'a.test': { A: ['127.0.0.1', '127.0.0.2'] } })
  const tracker = await UdpTracker.open(WRONG_SIZE)
  const url = `udp://a.test:${tracker.port}/announce`
  const { code, stdout } = await run('--name-server', names.address, '--resolve', '127.0.0.1', url)
  expect(code).toBe(1)
  expect(stdout).toContain('at 127.0.0.1: 1 fault')
  expect(stdout).toContain(
    'fault    Its answer to a connect is wrong: 16 bytes are answered by 20. [connect]\n',
  )
  const { stdout: json } = await run('--name-server', names.address, '--json', url)
  expect(JSON.parse(json).reports.map(({ subject }: { subject: string }) => subject)).toEqual([
    url,
    `${url} at 127.0.0.1`,
    `${url} at 127.0.0.2`,
  ])
  tracker.close()
  names.close()
}, 180_000)

test('exit code 0 when all is good', async () => {
  const { code, stdout } = await runOn({})
  expect(code).toBe(0)
  expect(stdout).toMatch(/: \d+ good\n/)
})
