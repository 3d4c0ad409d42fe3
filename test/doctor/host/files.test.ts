import { expect, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostFiles } from '../../../doctor/host/files.ts'
import { folderOfFile } from '../../support/folder.ts'

const folder = folderOfFile()

test('a tree of files: texts, names in the order of their numbers, links', () => {
  const root = join(folder, 'tree')
  mkdirSync(join(root, 'a'), { recursive: true })
  for (const name of ['rx-10', 'rx-2', 'rx-1']) writeFileSync(join(root, 'a', name), name)
  symlinkSync('net:[1]', join(root, 'a/link'))
  const host = new HostFiles(root)
  expect(host.read('/a/rx-2')).toBe('rx-2')
  expect(host.read('/a/none')).toBeNull()
  expect(host.list('/a')).toEqual(['link', 'rx-1', 'rx-2', 'rx-10'])
  expect(host.list('/b')).toEqual([])
  expect(host.link('/a/link')).toBe('net:[1]')
  expect(host.link('/a/rx-1')).toBeNull()
  expect(host.notPermitted()).toEqual([])
})

test('a path through a link goes on from where the link leads', () => {
  const root = join(folder, 'linked')
  mkdirSync(join(root, 'devices/pci/virtio2'), { recursive: true })
  mkdirSync(join(root, 'devices/pci/msi_irqs'))
  writeFileSync(join(root, 'devices/pci/msi_irqs/38'), 'msix')
  mkdirSync(join(root, 'class/eth0'), { recursive: true })
  symlinkSync('../../devices/pci/virtio2', join(root, 'class/eth0/device'))
  expect(new HostFiles(root).list('/class/eth0/device/../msi_irqs')).toEqual(['38'])
})

test('a tree has no kernel: nothing is asked but files', () => {
  const host = new HostFiles(folder)
  expect(host.output(['echo', 'a'])).toBeNull()
  expect(host.clockIsSynchronised()).toBeNull()
  expect(host.receiveRing('eth0')).toBeNull()
  expect(host.receiveQueues('eth0')).toBeNull()
})

test('what was read when watching began stays, and what is read now is new', () => {
  const root = join(folder, 'watched')
  mkdirSync(root)
  const path = join(root, 'counter')
  writeFileSync(path, '1')
  const before = new HostFiles(root)
  expect(before.read('/counter')).toBe('1')
  expect(before.earlier('/counter')).toBe('1')
  writeFileSync(path, '2')
  const after = new HostFiles(root, before, 3)
  expect([after.earlier('/counter'), after.read('/counter'), after.seconds]).toEqual(['1', '2', 3])
})

test('commands: what they print, once for both looks; one that fails is not permitted, one that is missing is none', () => {
  const before = new HostFiles('/')
  expect(before.output(['sh', '-c', 'echo a'])).toBe('a\n')
  expect(before.output(['no-such-command-here'])).toBeNull()
  expect(before.notPermitted()).toEqual([])
  const marker = join(folder, 'calls')
  const command = ['sh', '-c', `echo x >> '${marker}'; cat '${marker}'; exit 1`]
  expect(before.output(command)).toBeNull()
  expect(new HostFiles('/', before, 1).output(command)).toBeNull()
  expect(before.notPermitted()).toEqual([`the output of ${command.join(' ')}`])
  expect(new HostFiles('/').output(['cat', marker])).toBe('x\n')
})

test('a command of the working directory is never run', () => {
  const place = join(folder, 'place')
  mkdirSync(place)
  writeFileSync(join(place, 'planted-command'), '#!/bin/sh\necho planted\n', { mode: 0o755 })
  const script = `import { HostFiles } from '${join(import.meta.dir, '../../../doctor/host/files.ts')}'
    console.log(new HostFiles('/').output(['planted-command']))`
  for (const PATH of ['', ':', '.', '/nowhere::']) {
    const { stdout } = Bun.spawnSync([process.execPath, '-e', script], {
      cwd: place,
      env: { PATH },
    })
    expect(stdout.toString()).toBe('null\n')
  }
  const { stdout } = Bun.spawnSync([process.execPath, '-e', script], { env: { PATH: place } })
  expect(stdout.toString().trim()).toBe('planted')
})
