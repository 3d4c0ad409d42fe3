// The units of packaging/systemd as systemd runs them: it is booted on a root of its own, in namespaces,
// by systemd-boot.sh. What this machine's systemd-analyze says of the units is in systemd.test.ts.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from '../support/built.ts'
import { folderOfFile } from '../support/folder.ts'
import { ALL_EXECUTABLE, HTTP_EXECUTABLE } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { BootedMachine, canBoot, whyNoBoot as whyNot } from './booted-machine.ts'
import { UDP, WS } from './tracker.ts'

setDefaultTimeout(300_000)

const ROOT = join(import.meta.dir, '../..')

const UDP_SETTINGS = `[network]\naddress = '0.0.0.0:80'
[persistence]\npath = '/var/lib/aquatic_udp'\ntake_over = true\n`
const HTTP_SETTINGS = "[network]\naddress = '0.0.0.0:82'\n"
const ALL_SETTINGS = ['udp', 'http', 'ws']
  .map((name, i) => `[${name}.network]\naddress = '0.0.0.0:${90 + i}'\n`)
  .join('')
const WS_SETTINGS = "[network]\naddress = '0.0.0.0:81'\n"
const HEALTH = '--health-check 5 -c /etc/aquatic'

const EXECUTABLES = [
  `${UDP.executable}:aquatic_udp`,
  `${WS.executable}:aquatic_ws`,
  `${HTTP_EXECUTABLE}:aquatic_http`,
  `${ALL_EXECUTABLE}:aquatic`,
]

const machine = new BootedMachine(folderOfFile())
const run = (script: string) => machine.run(script)
const property = (unit: string, name: string) => machine.property(unit, name)

function files(): Record<string, string> {
  const units = join(ROOT, 'packaging/systemd')
  const found: Record<string, string> = {
    'etc/aquatic/udp.toml': UDP_SETTINGS,
    'etc/aquatic/http.toml': HTTP_SETTINGS,
    'etc/aquatic/ws.toml': WS_SETTINGS,
    'etc/aquatic/aquatic.toml': ALL_SETTINGS,
    'etc/sysusers.d/aquatic.conf': readFileSync(join(units, 'sysusers.conf'), 'utf8'),
  }
  for (const name of readdirSync(units).filter((file) => file.endsWith('.service'))) {
    found[`etc/systemd/system/${name}`] = readFileSync(join(units, name), 'utf8')
  }
  return found
}

beforeAll(async () => {
  if (!canBoot) return
  for (const each of EXECUTABLES) checkBuilt(each.split(':')[0])
  for (const name of ['a', 'b']) {
    const place = join(machine.folder, 'opt/aquatic', name)
    mkdirSync(place, { recursive: true })
    symlinkSync('/usr/local/bin/aquatic_udp', join(place, 'aquatic_udp'))
  }
  await machine.boot({ files: files(), executables: EXECUTABLES })
})

afterAll(() => machine.stop())

test.skipIf(!canBoot)(`systemd starts, reloads, watches and stops a tracker${whyNot}`, async () => {
  const unit = 'aquatic_udp'
  expect(run(`systemctl start ${unit} && aquatic_udp ${HEALTH}/udp.toml`)).toBe('')
  expect(property(unit, 'StatusText')).toStartWith('listening on 0.0.0.0:80')
  const status = () => run(`cat /proc/${property(unit, 'MainPID')}/status`)
  expect(status()).toMatch(/^Uid:\t[1-9]\d+\t/m)
  // Ports below 1024, and nothing else.
  expect(status()).toMatch(/^CapBnd:\t0+400$/m)
  expect(status()).toMatch(/^Seccomp:\t2$/m)

  machine.write('etc/aquatic/udp.toml', `log_level = 'info'\n${UDP_SETTINGS}`)
  expect(run(`systemctl reload ${unit}`)).toBe('')
  await machine.isLogged(unit, "settings changed: log_level = 'info'")

  const dropIn = `/run/systemd/system/${unit}.service.d`
  run(`mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=1\\n' >${dropIn}/test.conf`)
  expect(run(`systemctl daemon-reload && systemctl restart ${unit}`)).toBe('')
  run(`systemctl kill --signal=STOP ${unit}`)
  await waitUntil('the watchdog restarts it', () => property(unit, 'NRestarts') === '1')
  await waitUntil('it serves again', () => property(unit, 'ActiveState') === 'active')

  expect(run(`systemctl stop ${unit}`)).toBe('')
  expect(property(unit, 'Result')).toBe('success')
  expect(run('stat -L -c %a /var/lib/aquatic_udp /var/lib/aquatic_udp/aquatic_udp.snapshot')).toBe(
    '700\n600',
  )
})

test.skipIf(!canBoot).each([
  ['aquatic_ws', 'ws.toml'],
  ['aquatic_http', 'http.toml'],
  ['aquatic', 'aquatic.toml'],
])(`systemd starts, reloads and stops %s${whyNot}`, async (unit, file) => {
  expect(run(`systemctl start ${unit} && ${unit} ${HEALTH}/${file}`)).toBe('')
  expect(property(unit, 'StatusText')).toMatch(/^listening on (UDP: )?0\.0\.0\.0:/)
  expect(run(`systemctl reload ${unit}`)).toBe('')
  await machine.isLogged(unit, 'settings read again: nothing has changed')
  expect(run(`systemctl stop ${unit}`)).toBe('')
  expect(property(unit, 'Result')).toBe('success')
})

test.skipIf(!canBoot)(`a start with wrong settings fails with the reason${whyNot}`, async () => {
  machine.write('etc/aquatic/ws.toml', 'socket_workers = -1\n')
  expect(run('systemctl start aquatic_ws')).toContain('exit code 1')
  await machine.isLogged('aquatic_ws', 'socket_workers = -1 is too small')
  machine.write('etc/aquatic/ws.toml', WS_SETTINGS)
  await waitUntil('it is tried again', () => property('aquatic_ws', 'ActiveState') === 'active')
  run('systemctl stop aquatic_ws')
})

test.skipIf(!canBoot)(`an instance takes the place of the other${whyNot}`, async () => {
  expect(run('systemctl start aquatic_udp@a')).toBe('')
  expect(run(`systemctl start aquatic_udp@b && aquatic_udp ${HEALTH}/udp.toml`)).toBe('')
  await waitUntil('a has ended', () => property('aquatic_udp@a', 'ActiveState') === 'inactive')
  expect(property('aquatic_udp@a', 'Result')).toBe('success')
  expect(property('aquatic_udp@b', 'ActiveState')).toBe('active')
  await machine.isLogged('aquatic_udp@b', 'taken over')
  expect(run('systemctl stop aquatic_udp@b')).toBe('')
})
