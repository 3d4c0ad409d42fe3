// What scripts/release.sh makes, and that it makes the same in another folder. Compressed are neither tarball nor package here:
// that would take a minute, and adds nothing of its own but the version of xz. Installed and upgraded: packages.test.ts.
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { lockedPackages } from '../../scripts/third-party.ts'
import { folderOfFile } from '../support/folder.ts'
import { withClient } from '../support/udp-client.ts'
import { TestProcess } from './process.ts'

setDefaultTimeout(180_000)

const ROOT = join(import.meta.dir, '../..')
const canPack = ['dpkg-deb', 'xz'].every((name) => Bun.which(name) !== null)
const skipped =
  canPack && process.arch === 'x64' ? '' : ' (skipped: this needs dpkg-deb and xz, on x86-64)'
const PROGRAMS = readdirSync(join(ROOT, 'bin')).map((name) => name.replace('.ts', ''))
/** 28 November 2026: of any commit, so that both folders have it. */
const SECONDS = 1_795_824_000
const DATE = new Date(SECONDS * 1000).toISOString().slice(0, 16).replace('T', ' ')
const WHAT_BUILDS = [
  ...['bin', 'src', 'load', 'doctor', 'docs', 'scripts', 'packaging', 'node_modules'],
  ...['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'CHANGELOG.md', 'tsconfig.json'],
]

const folder = folderOfFile()
const out = join(folder, 'here')
const archive = `aquatic-${version}-linux-x64`
const unpacked = join(folder, archive)

function run(command: readonly string[], cwd = folder, env: Record<string, string> = {}): string {
  const options = { cwd, env: { ...process.env, TZ: 'UTC', ...env } }
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], options)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout.toString()
}

function release(root: string, to: string): void {
  const flags = ['--fast', `--out=${to}`, 'linux-x64']
  run([join(root, 'scripts/release.sh'), ...flags], folder, { SOURCE_DATE_EPOCH: `${SECONDS}` })
}

function textOf(name: string): string {
  return readFileSync(join(out, name), 'utf8')
}

function control(field: string): string {
  return run(['dpkg-deb', '--field', `here/aquatic_${version}-1_amd64.deb`, field]).trim()
}

describe.skipIf(skipped !== '')(`a release${skipped}`, () => {
  beforeAll(() => {
    release(ROOT, out)
    run(['tar', '-xf', join(out, `${archive}.tar`)])
  })

  test('has the same bytes when another folder makes it', () => {
    const copy = join(folder, "somebody's folder", 'checkout')
    mkdirSync(copy, { recursive: true })
    for (const name of WHAT_BUILDS) {
      cpSync(join(ROOT, name), join(copy, name), { recursive: true, verbatimSymlinks: true })
    }
    release(copy, join(folder, 'there'))
    expect(run(['cat', 'there/SHA256SUMS'])).toBe(textOf('SHA256SUMS'))
  })

  test('has sums of all that it consists of', () => {
    expect(run(['sha256sum', '--strict', '-c', 'SHA256SUMS'], out)).not.toContain('FAILED')
    expect(readdirSync(out).sort()).toEqual([
      'RELEASE-NOTES.md',
      'SHA256SUMS',
      `${archive}.tar`,
      `aquatic-${version}.cdx.json`,
      `aquatic_${version}-1_amd64.deb`,
    ])
    expect(textOf('SHA256SUMS').trim().split('\n').length).toBe(4)
  })

  test('has the notes of its version', () => {
    const notes = textOf('RELEASE-NOTES.md')
    const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')
    const [, after] = changelog.split(new RegExp(`^## ${version.replaceAll('.', '\\.')}.*$`, 'm'))
    expect(notes.trim()).toBe(after.split(/^## /m)[0].trim())
  })

  test('names everything that the executable holds', () => {
    const bill = JSON.parse(textOf(`aquatic-${version}.cdx.json`))
    const components: { name: string; version: string; components?: { name: string }[] }[] =
      bill.components
    const ours = [...lockedPackages().map(({ name, version: of }) => `${name} ${of}`)]
    const named = components.map(({ name, version: of }) => `${name} ${of}`)
    expect(named.filter((name) => !name.startsWith('bun ')).sort()).toEqual(ours.sort())
    const runtime = components.find(({ name }) => name === 'bun')
    expect(runtime?.components?.map(({ name }) => name)).toContain('BoringSSL')
    expect(bill.metadata.component).toMatchObject({ name: 'aquatic', version, type: 'application' })
    expect(bill.metadata.timestamp).toStartWith(DATE.replace(' ', 'T'))
  })

  test('has every program in one executable', () => {
    expect(readdirSync(join(unpacked, 'bin')).sort()).toEqual([...PROGRAMS].sort())
    for (const name of PROGRAMS) {
      expect(run([join(unpacked, 'bin', name), '-v'])).toBe(`${name} ${version}\n`)
    }
  })

  test('serves with workers of the program that was called', async () => {
    const tracker = new TestProcess('aquatic_udp', [join(unpacked, 'bin/aquatic_udp')], {
      PATH: process.env.PATH ?? '',
      AQUATIC_NETWORK_ADDRESS: '127.0.0.1:0',
      AQUATIC_SOCKET_WORKERS: '2',
      AQUATIC_LIMITS_MAX_TORRENTS: '10000',
      AQUATIC_LIMITS_MAX_PEERS: '100000',
    })
    try {
      const [, port] = await tracker.waitForOutput(/^aquatic_udp .*listening on .*:(\d+)/, 60_000)
      await withClient('127.0.0.1', (client) =>
        client.announce({ host: '127.0.0.1', port: Number(port) }),
      )
    } finally {
      expect(await tracker.stop()).toBe(0)
    }
  })

  test('the tarball has everything at its place below /usr/local', () => {
    const files = run(['find', '.', '-type', 'f', '-printf', '%P\n'], unpacked).split('\n')
    for (const file of [
      'lib/systemd/system/aquatic@.service',
      'lib/sysctl.d/60-aquatic.conf',
      'lib/sysusers.d/aquatic.conf',
      'share/man/man1/aquatic_udp.1',
      'share/man/man5/aquatic.toml.5',
      'share/bash-completion/completions/aquatic',
      'share/zsh/site-functions/_aquatic',
      'share/fish/vendor_completions.d/aquatic.fish',
      'share/doc/aquatic/LICENSE',
      'share/doc/aquatic/third-party.md',
      'share/doc/aquatic/examples/aquatic.toml',
    ]) {
      expect(files).toContain(file)
    }
    const entries = run(['tar', '-tvf', join(out, `${archive}.tar`)])
      .trim()
      .split('\n')
    expect(entries.filter((line) => !line.includes(' 0/0 ') || !line.includes(DATE))).toEqual([])
  })

  test('the Debian package has only what dpkg may own, with settings that it asks about', () => {
    const deb = join(out, `aquatic_${version}-1_amd64.deb`)
    const entries = run(['dpkg-deb', '--contents', deb]).trim().split('\n')
    expect(entries.filter((line) => !line.includes(' root/root ') || !line.includes(DATE))).toEqual(
      [],
    )
    const paths = entries.map((line) => / \.(\/\S*)/.exec(line)?.[1] ?? line)
    expect(paths.filter((path) => !/^\/$|^\/(usr|etc)\//.test(path))).toEqual([])
    expect(paths).toContain('/usr/share/doc/aquatic/copyright')
    expect(paths).toContain('/usr/share/doc/aquatic/third-party.md.gz')
    run(['dpkg-deb', '--extract', deb, 'deb'])
    run(['dpkg-deb', '--control', deb, 'control'])
    const conffiles = ['aquatic', 'http', 'udp', 'ws'].map((name) => `/etc/aquatic/${name}.toml\n`)
    expect(run(['cat', 'control/conffiles'])).toBe(conffiles.join(''))
    const units = run(['sh', '-c', 'cat deb/usr/lib/systemd/system/*'])
    expect(units).toContain('ExecStart=/usr/bin/aquatic_udp -c /etc/aquatic/udp.toml')
    expect(units).not.toMatch(/\/usr\/local|\/opt/)
    expect(control('Architecture')).toBe('amd64')
    expect(control('Version')).toBe(`${version}-1`)
    // Of the executable and the rest.
    expect(Number(control('Installed-Size'))).toBeWithin(100_000, 200_000)
  })

  test('is never made over something else', () => {
    const precious = join(folder, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'file'), '')
    expect(() => release(ROOT, precious)).toThrow('holds something else than a release')
    expect(readdirSync(precious)).toEqual(['file'])
    expect(() => release(ROOT, join(precious, 'file'))).toThrow('is no folder')
    expect(readdirSync(precious)).toEqual(['file'])
  })
})
