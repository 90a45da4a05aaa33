/** Remembers something as the newest; where there are more than `limit` then, the oldest makes room. */
export function rememberNewest<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  limit: number
): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= limit) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    break
  }
}
