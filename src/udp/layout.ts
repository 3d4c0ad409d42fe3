// Sizes and limits of the UDP tracker that are not settings.

/** Packets that one receive call takes at most. */
export const MAX_BATCH_PACKETS = 512
