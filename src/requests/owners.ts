// Which worker owns which tables: each shard, the tables of both address families for one part of the hashes,
// has one owner. With request workers, no other thread touches it. Without, all socket workers answer from all
// tables, under their locks, and the owner only does the cleaning.
import type { Swarms } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table/table.ts'

/** The tables that worker `index` of `workers` owns. */
export function tablesOwnedBy(swarms: Swarms, index: number, workers: number): Table[] {
  const owned = (_: Table, shard: number) => ownerOf(shard, workers) === index
  return [...swarms.ipv4.filter(owned), ...swarms.ipv6.filter(owned)]
}

// HOT: no allocation below this line.

export function ownerOf(shard: number, workers: number): number {
  return shard % workers
}
