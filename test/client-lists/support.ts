// Lists of networks and clients from text. Used by the tests of whom the trackers serve.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ReadClients, readClientFile } from '../../src/client-lists/client-file.ts'
import { ClientGate, MODE_ALLOW, MODE_DENY } from '../../src/client-lists/gate.ts'
import { type ReadNetworks, readNetworkFile } from '../../src/client-lists/network-file.ts'
import { ListFileError } from '../../src/list-file/lines.ts'
import { inFolder } from '../support/folder.ts'

function inFile<T>(text: string | Uint8Array, read: (path: string) => Promise<T>): Promise<T> {
  return inFolder((folder) => {
    const path = join(folder, 'list')
    writeFileSync(path, text)
    return read(path)
  })
}

export function readNetworks(text: string | Uint8Array, allow = false): Promise<ReadNetworks> {
  return inFile(text, (path) => readNetworkFile(path, allow))
}

export function readClients(text: string): Promise<ReadClients> {
  return inFile(text, readClientFile)
}

export interface Lists {
  readonly networks?: string
  readonly clients?: string
  /** Only what is listed is served, in place of all else. */
  readonly allow?: boolean
}

export async function gateOf({ networks, clients, allow = false }: Lists): Promise<ClientGate> {
  const gate = new ClientGate()
  const mode = allow ? MODE_ALLOW : MODE_DENY
  if (networks !== undefined) {
    const { tables } = await readNetworks(networks, allow)
    gate.setNetworks({ mode, tables })
  }
  if (clients !== undefined) {
    const { table } = await readClients(clients)
    gate.setClients({ mode, table })
  }
  return gate
}

/** What is wrong with a file. */
export async function faultOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading
  } catch (error) {
    if (error instanceof ListFileError) return error.message
    throw error
  }
  throw new Error('it was read')
}
