using System.IO.Compression;
using Dino.Gpu.Files;
using Dino.Gpu.Server.Requests;
using Grpc.Net.Compression;

namespace Dino.Gpu.Server.Rpc;

/// <summary>
/// Unpacks messages, so that one that is damaged is an invalid argument, and one that becomes larger than a body may be
/// is refused. gRPC unpacks before any interceptor runs, calls whatever fails there unknown, and knows no limit there.
/// </summary>
/// <param name="inner">gRPC's own.</param>
/// <param name="most">Bytes of a message.</param>
internal sealed class CheckedCompression(ICompressionProvider inner, long most) : ICompressionProvider
{
    public string EncodingName => inner.EncodingName;

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        inner.CreateCompressionStream(stream, compressionLevel);

    public Stream CreateDecompressionStream(Stream stream) =>
        new CheckedStream(inner.CreateDecompressionStream(stream), inner.EncodingName, most);

    /// <summary>Failures are gRPC's own, as those of <see cref="RpcBody"/> are.</summary>
    private sealed class CheckedStream(Stream unpacked, string encoding, long most) : ForwardStream
    {
        private long _read;

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read;
            try
            {
                read = unpacked.Read(buffer, offset, count);
            }
            catch (InvalidDataException)
            {
                throw FailureInterceptor.Of(RequestFailure.Invalid($"the message is damaged (expected {encoding})"));
            }

            _read += read;
            return _read <= most ? read : throw FailureInterceptor.Of(RequestFailure.TooLarge(most));
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                unpacked.Dispose();
            base.Dispose(disposing);
        }
    }
}
