import { describe, expect, test } from 'bun:test'
import { doctorTool, parseDoctorLine } from '../../doctor/command-line.ts'
import { completionOf } from '../../src/config/completion.ts'
import { toolPage } from '../../src/config/man-page.ts'

function mistakeOf(...args: string[]): string {
  const line = parseDoctorLine(args)
  return 'mistake' in line ? line.mistake : ''
}

test('without arguments it looks at the host', () => {
  expect(parseDoctorLine([])).toEqual({
    action: 'host',
    urls: [],
    configPath: null,
    program: null,
    json: false,
    conformance: false,
    yes: false,
    root: '/',
    seconds: 1,
    asking: { list: false, only: null, resolve: [], nameServer: null, infoHashes: null },
  })
})

test.each([
  [['-c', 'a.toml', '--json'], { action: 'host', configPath: 'a.toml', json: true }],
  [['--apply', '-y'], { action: 'apply', yes: true }],
  [['--revert', '--root=/image'], { action: 'revert', root: '/image' }],
  [
    ['udp://a:1/announce', 'wss://b'],
    { action: 'tracker', urls: ['udp://a:1/announce', 'wss://b'] },
  ],
  [['--conformance', 'http://[::1]:1/announce'], { action: 'tracker', conformance: true }],
  [['--seconds', '0'], { seconds: 0 }],
  [['--conformance', '--list'], { action: 'tracker', asking: { list: true } }],
  [
    ['udp://a:1', '--resolve', '::1,192.0.2.1', '--name-server=192.0.2.53'],
    { action: 'tracker', asking: { resolve: ['::1', '192.0.2.1'], nameServer: '192.0.2.53' } },
  ],
  [['--apply', '--help'], { action: 'help' }],
  [['-v', 'udp://a'], { action: 'version' }],
])('%j is understood', (args, wanted) => expect(parseDoctorLine(args)).toMatchObject(wanted))

describe('a mistake is named with its remedy', () => {
  test.each([
    [['tracker.toml'], 'a settings file is given with -c'],
    [['ftp://a'], 'the URL of a tracker, such as udp://'],
    [['--aply'], 'did you mean --apply?'],
    [['-c'], '-c needs a value: -c PATH'],
    [['-c', '--json'], '-c needs a value'],
    [['-c', 'a', '-c', 'b'], '--config-file is given twice'],
    [['--json=1'], '--json takes no value'],
    [['--apply', '--revert'], '--apply and --revert exclude each other'],
    [['--apply', 'udp://a'], '--apply is about this host'],
    [['--apply', '--json'], 'leave it out'],
    [['-c', 'a', 'udp://a'], '--config-file is about this host'],
    [['--conformance'], '--conformance needs the URL of a tracker'],
    [['--program', 'aquatic_udp'], 'give that file too'],
    [['--list', 'udp://a:1'], '--list goes with --conformance'],
    [['--only', 'x', 'udp://a:1'], '--only goes with --conformance'],
    [['--resolve', '::1'], '--resolve is about a tracker'],
    [['--resolve', 'name', 'udp://a:1'], "'name' is not an IP address"],
    [['--seconds', 'x'], '--seconds takes a number from 0 to 3600'],
    [['--seconds', '3601'], '--seconds takes a number from 0 to 3600'],
  ])('%j', (args, part) => expect(mistakeOf(...args)).toContain(part))
})

test('the manual page and the completions have every flag', () => {
  const page = toolPage(doctorTool, '1.2.3')
  const bash = completionOf('bash', doctorTool.name, doctorTool.flags)
  expect(doctorTool.flags.length).toBeGreaterThan(8)
  for (const { name } of doctorTool.flags) {
    expect(page).toContain(`\\fB${`--${name}`.replaceAll('-', '\\-')}\\fR`)
    expect(bash).toContain(`--${name}`)
  }
  expect(page).toContain('aquatic 1.2.3')
  expect(page).toMatch(/\.B 1\nsomething is wrong\.\n/)
})
