namespace Dino.Gpu.Imaging;

/// <summary>
/// Keeps the pictures that are decoded at the same time within a share of the machine's memory, whatever the number of
/// workers. A picture that would exceed it waits until others are done; a picture larger than all of it is decoded
/// alone. First come, first served, so that a large one does not wait forever. Thread-safe.
/// </summary>
/// <param name="capacity">Pixels.</param>
internal sealed class PixelBudget(long capacity)
{
    /// <summary>Four as decoded, three as RGB, three more where it is turned upright.</summary>
    private const int BytesPerPixel = 10;

    private readonly Lock _lock = new();
    private readonly Queue<Turn> _waiting = new();
    private long _used;

    /// <summary>
    /// Most pixels of a picture unless the user says so: the limit of every decoder, or what half of the memory has
    /// room for.
    /// </summary>
    public static long LargestPicture { get; } = LargestPictureIn(Memory);

    /// <summary>The memory that this process may have: the machine's, or the container's.</summary>
    private static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>A quarter of the memory.</summary>
    public static PixelBudget OfThisMachine() => new(Memory / 4 / BytesPerPixel);

    /// <summary><see cref="LargestPicture"/> where there is so much memory.</summary>
    /// <param name="memory">Bytes.</param>
    internal static long LargestPictureIn(long memory) => Math.Clamp(memory / 2 / BytesPerPixel, 1, ImageHeader.MaxPixels);

    /// <summary>Waits for room.</summary>
    /// <param name="pixels">Of the picture.</param>
    /// <returns>Gives the room back when first disposed.</returns>
    public IDisposable Enter(long pixels)
    {
        var turn = new Turn(this, Math.Min(pixels, capacity));
        lock (_lock)
        {
            _waiting.Enqueue(turn);
            LetIn();
        }

        turn.Wait();
        return turn;
    }

    private void LetIn()
    {
        while (_waiting.TryPeek(out Turn? next) && next.Pixels <= capacity - _used)
        {
            _used += next.Pixels;
            _waiting.Dequeue().Begin();
        }
    }

    private void Leave(Turn turn)
    {
        lock (_lock)
        {
            _used -= turn.Pixels;
            LetIn();
        }
    }

    private sealed class Turn(PixelBudget budget, long pixels) : IDisposable
    {
        private readonly ManualResetEventSlim _begun = new();
        private int _left;

        public long Pixels => pixels;

        public void Begin() => _begun.Set();

        public void Wait() => _begun.Wait();

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) != 0)
                return;
            _begun.Dispose();
            budget.Leave(this);
        }
    }
}
