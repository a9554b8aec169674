/** A CRC of 32 bits as stores write it: base64 of its bytes, the highest first. */
export function checksumText(checksum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return bytes.toString("base64");
}
