import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ApplyError,
  joinedRings,
  joinedValues,
  NOTHING_APPLIED,
  readRecord,
  removeRecord,
  Tree,
  writeRecord,
} from '../../../doctor/host/record.ts'
import { folderOfFile } from '../../support/folder.ts'

const folder = folderOfFile()
let trees = 0

function newTree(): { root: string; tree: Tree } {
  const root = join(folder, String(trees++))
  mkdirSync(root)
  return { root, tree: new Tree(root) }
}

const APPLIED = {
  ...NOTHING_APPLIED,
  values: [{ path: '/proc/sys/a', before: '1\n', after: '2\n' }],
  folders: ['/etc/x'],
}

test('a record is read as it was written, with the folders that it needed', () => {
  const { tree } = newTree()
  expect(readRecord(tree)).toBeNull()
  const written = writeRecord(tree, APPLIED)
  expect(written.folders).toEqual(['/var', '/var/lib', '/var/lib/aquatic-doctor', '/etc/x'])
  expect(readRecord(tree)).toMatchObject(written)
  // They are there now.
  expect(writeRecord(tree, written).folders).toEqual(written.folders)
  removeRecord(tree)
  expect(readRecord(tree)).toBeNull()
})

test.each(['', 'nonsense', '{"version": 2}'])(
  'a record of another version, %j, stops both',
  (text) => {
    const { root, tree } = newTree()
    mkdirSync(join(root, 'var/lib/aquatic-doctor'), { recursive: true })
    writeFileSync(join(root, 'var/lib/aquatic-doctor/applied.json'), text)
    expect(() => readRecord(tree)).toThrow(ApplyError)
  },
)

test('what cannot be read is not taken for missing', () => {
  const { root, tree } = newTree()
  mkdirSync(join(root, 'folder'))
  expect(tree.read('/none')).toBeNull()
  expect(tree.read('/none/below')).toBeNull()
  expect(() => tree.read('/folder')).toThrow(ApplyError)
})

test('a value has to be there, and nothing of a longer one stays', () => {
  const { tree } = newTree()
  expect(() => tree.put('/none', '1\n')).toThrow(ApplyError)
  tree.replace('/value', '1234567\n')
  tree.put('/value', '1\n')
  expect(tree.read('/value')).toBe('1\n')
})

test('what was before the first change is what counts', () => {
  const value = (path: string, before: string) => ({ path, before, after: null })
  expect(joinedValues([value('/a', '1')], [value('/a', '2'), value('/b', '3')])).toEqual([
    value('/a', '1'),
    value('/b', '3'),
  ])
  const ring = (card: string, before: number, after: number) => ({ card, before, after })
  const known = [ring('eth0', 256, 4096), ring('eth2', 1, 2)]
  expect(joinedRings(known, [ring('eth0', 512, 8192), ring('eth1', 256, 4096)])).toEqual([
    ring('eth0', 256, 8192),
    ring('eth2', 1, 2),
    ring('eth1', 256, 4096),
  ])
})
