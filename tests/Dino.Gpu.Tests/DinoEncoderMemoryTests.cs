using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests;

/// <summary>How much memory pictures take that several threads prepare.</summary>
public sealed class DinoEncoderMemoryTests
{
    [Fact]
    public void Files_in_memory_wait_for_room_before_they_are_decoded()
    {
        const int side = 13_000; // 169 million pixels: about as many as a picture may have
        byte[] file =
        [
            .. PngFiles.Signature, .. PngFiles.Header(side, side), .. PngFiles.Chunk("IDAT", PngFiles.Deflated([0])),
            .. PngFiles.Chunk("IEND", []),
        ];
        const int bytesPerPixel = 10;
        long room = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4; // a quarter of the memory
        int most = (int)Math.Max(1, room / ((long)side * side * bytesPerPixel));
        var decoder = new CountingDecoder();
        using DinoEncoder encoder = DinoEncoder.Create(
            TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1, Decoder = decoder });
        Thread[] threads = [.. Enumerable.Range(0, most + 2).Select(_ => new Thread(() => encoder.Prepare(file)))];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Equal(most + 2, decoder.Count);
        Assert.InRange(decoder.Most, 1, most);
    }

    /// <summary>Takes its time, and counts how many pictures it has at once.</summary>
    private sealed class CountingDecoder : IHeaderDecoder
    {
        private readonly Lock _lock = new();
        private int _inside;

        public string Name => "counting";

        public int Count { get; private set; }

        public int Most { get; private set; }

        public long MaxPixels => ImageHeader.MaxPixels;

        public RgbImage Decode(ReadOnlyMemory<byte> file, ImageHeader header, ExifOrientation orientation) => Decode(file, orientation);

        public RgbImage Decode(ReadOnlyMemory<byte> file, ExifOrientation orientation)
        {
            lock (_lock)
            {
                Count++;
                Most = Math.Max(Most, ++_inside);
            }

            Thread.Sleep(300);
            lock (_lock)
                _inside--;
            return new RgbImage(1, 1, [1, 2, 3]);
        }
    }
}
