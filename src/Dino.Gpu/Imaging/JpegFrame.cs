namespace Dino.Gpu.Imaging;

/// <summary>
/// The frame of a JPEG: its size and components, and which of their coefficients the scans seen so far have given in
/// full.
/// </summary>
internal sealed class JpegFrame
{
    private const int Coefficients = 64;

    /// <summary>Most scans: encoders write up to a dozen, and optimizers a few more.</summary>
    private const int MostScans = 100;

    /// <summary>Most pixels over all scans, each of which takes a pass over the picture.</summary>
    private const long MostWork = 12 * ImageHeader.MaxPixels;

    private readonly byte[] _ids;
    private int _scans;

    /// <summary>Per component and coefficient, whether its last bit has come.</summary>
    private readonly bool[] _isFinal;

    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="isHuffmanBaseline">Sequential with Huffman codes.</param>
    /// <param name="components">Three bytes each: identifier, sampling factors, quantization table.</param>
    public JpegFrame(int width, int height, bool isHuffmanBaseline, ReadOnlySpan<byte> components)
    {
        Width = width;
        Height = height;
        IsHuffmanBaseline = isHuffmanBaseline;
        int count = components.Length / 3;
        _ids = new byte[count];
        _isFinal = new bool[count * Coefficients];
        for (int i = 0; i < count; i++)
            _ids[i] = components[3 * i];
    }

    public int Width { get; }

    public int Height { get; }

    public bool IsHuffmanBaseline { get; }

    /// <summary>Whether the scans cover every coefficient of every component to its last bit.</summary>
    public bool IsComplete => !_isFinal.Contains(false);

    /// <summary>
    /// Notes what a scan brings (T.81, B.2.3): its components, the range of coefficients, and how many low bits are
    /// still missing.
    /// </summary>
    /// <param name="segment">The scan's header.</param>
    /// <exception cref="DinoException">The picture has so many scans that it would take long to decode.</exception>
    public void AddScan(ReadOnlySpan<byte> segment)
    {
        _scans++;
        if (_scans > MostScans || (_scans - 1) * (long)Width * Height > MostWork)
            throw ImageException.Unsupported(
                $"JPEG of {Width}x{Height} in more than {_scans - 1} scans is not supported", "convert the file to PNG");
        int count = segment.IsEmpty ? 0 : segment[0];
        if (segment.Length < 4 + 2 * count)
            return; // damaged: decoders say so
        ReadOnlySpan<byte> selection = segment[(1 + 2 * count)..];
        int first = IsHuffmanBaseline ? 0 : selection[0];
        int last = IsHuffmanBaseline ? Coefficients - 1 : Math.Min((int)selection[1], Coefficients - 1);
        bool isFinal = IsHuffmanBaseline || (selection[2] & 15) == 0;
        for (int i = 0; i < count; i++)
        {
            int component = _ids.AsSpan().IndexOf(segment[1 + 2 * i]);
            if (component >= 0 && first <= last)
                _isFinal.AsSpan(component * Coefficients + first, last - first + 1).Fill(isFinal);
        }
    }
}
