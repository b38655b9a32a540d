using Dino.Gpu.Files;

namespace Dino.Gpu.Imaging;

/// <summary>
/// Where a picture comes from: a file, the bytes of a file, a stream of such bytes, or pixels. Each of them converts to
/// it by itself, so that <c>EmbedAsync("cat.jpg")</c> and <c>EmbedAsync(request.Body)</c> are calls of one method.
/// </summary>
public sealed class ImageSource
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly Stream? _stream;

    private ImageSource(string? path = null, ReadOnlyMemory<byte> bytes = default, Stream? stream = null, RgbImage? image = null)
    {
        Path = path;
        _bytes = bytes;
        _stream = stream;
        Image = image;
    }

    /// <summary>The path of the file; null for a picture that is not named by a path.</summary>
    public string? Path { get; }

    /// <summary>The pixels; null for a picture that has yet to be decoded.</summary>
    public RgbImage? Image { get; }

    /// <summary>Whether <see cref="ReadAsync"/> has something to read.</summary>
    internal bool IsStream => _stream is not null;

    /// <summary>An image file, read when its turn comes.</summary>
    public static ImageSource FromFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new ImageSource(path: path);
    }

    /// <summary>The bytes of an image file. They must stay as they are until the embedding is there.</summary>
    public static ImageSource FromBytes(ReadOnlyMemory<byte> file) => new(bytes: file);

    /// <summary>
    /// A stream of the bytes of an image file. It is read once, from where it stands to its end, and not disposed. It
    /// must stay open until the embedding is there.
    /// </summary>
    public static ImageSource FromStream(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new ImageSource(stream: stream);
    }

    /// <summary>Pixels. They must stay as they are until the embedding is there.</summary>
    public static ImageSource FromImage(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new ImageSource(image: image);
    }

    /// <summary>As <see cref="FromFile"/>.</summary>
    public static implicit operator ImageSource(string path) => FromFile(path);

    /// <summary>As <see cref="FromBytes"/>.</summary>
    public static implicit operator ImageSource(ReadOnlyMemory<byte> file) => FromBytes(file);

    /// <summary>As <see cref="FromBytes"/>.</summary>
    public static implicit operator ImageSource(Memory<byte> file) => FromBytes(file);

    /// <summary>As <see cref="FromBytes"/>.</summary>
    public static implicit operator ImageSource(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return FromBytes(file);
    }

    /// <summary>As <see cref="FromStream"/>.</summary>
    public static implicit operator ImageSource(Stream stream) => FromStream(stream);

    /// <summary>As <see cref="FromImage"/>.</summary>
    public static implicit operator ImageSource(RgbImage image) => FromImage(image);

    /// <summary>Reads a stream to its end, without holding a thread.</summary>
    /// <exception cref="ImageException">It is longer than any image file, or cannot be read.</exception>
    internal async Task<ImageSource> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            using var bytes = new MemoryStream();
            byte[] buffer = new byte[81920];
            for (int read; (read = await _stream!.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0;)
            {
                if (bytes.Length + read > ImageFile.MaxLength)
                    throw ImageException.TooLarge($"too large for an image file: the limit is {ImageFile.MaxLength} bytes");
                bytes.Write(buffer, 0, read);
            }

            return FromBytes(bytes.GetBuffer().AsMemory(0, (int)bytes.Length));
        }
        catch (IOException failure)
        {
            throw new ImageException(ImageFailureReason.Unreadable, RegularFile.CannotBeRead(failure.Message), failure);
        }
    }

    /// <summary>Reads the file, decodes it and makes the model's input of it. A failure names the file.</summary>
    /// <param name="decode">Decodes the bytes of a file and prepares the picture.</param>
    /// <param name="prepare">Prepares a picture.</param>
    internal RgbImage Prepare(Func<ReadOnlyMemory<byte>, RgbImage> decode, Func<RgbImage, RgbImage> prepare) => this switch
    {
        { Image: { } image } => prepare(image),
        { Path: { } path } => ImageFile.Named(path, () => decode(ImageFile.ReadBytes(path))),
        _ => decode(_bytes),
    };
}
