using System.Text;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Imaging;

namespace Dino.Gpu.Data.Embedding;

/// <summary>
/// Decodes pictures batch by batch, for work that writes files for each image. Decodes the next batch while the model
/// runs on this one. Holds two batches in memory, and decodes within a bounded share of the machine's.
/// </summary>
/// <param name="list">The images, each with its own stem; not owned.</param>
/// <param name="encoder">The model; not owned.</param>
/// <param name="options">Decoder, EXIF orientation, threads.</param>
/// <param name="maxPixels">Most pixels of a picture, as the decoder has it.</param>
internal sealed class PictureBatches(InputList list, DinoEncoder encoder, DinoOptions options, long maxPixels)
{
    /// <summary>Pictures stay in memory until their files are written; larger batches make nothing faster.</summary>
    private const int MostAtOnce = 16;

    private readonly ImageLoader _loader = new(
        ImageDecoding.For(options.Decoder!, encoder.Preprocessor),
        options.Orientation,
        encoder.Prepare,
        sha256: false,
        maxPixels,
        new StageTimes());

    /// <summary>Bytes of a file's name that every common file system takes.</summary>
    private const int LongestName = 255;

    private readonly HashSet<int> _failed = []; // rows that an earlier pass has named
    private readonly HashSet<int> _warned = []; // the same for warnings
    private Func<string, IEnumerable<string>> _targets = _ => [];

    /// <summary>Images that could not be read.</summary>
    public int Failed => _failed.Count;

    private int Threads => options.Threads ?? Environment.ProcessorCount;

    /// <summary>Makes the directory, once it is sure that no output is an input.</summary>
    /// <param name="directory">Where the files go.</param>
    /// <param name="targets">The files of an image with this stem.</param>
    /// <exception cref="DinoException">
    /// An image or a file of another kind would be overwritten, or the directory cannot be made.
    /// </exception>
    public void Claim(string directory, Func<string, IEnumerable<string>> targets)
    {
        _targets = targets;
        InputItem[] some = [.. list.Items().Where(item => item.Problem is null)];
        IEnumerable<string> files = some.SelectMany(item => targets(Stem(item)));
        OutputNames.RefuseOverwriting(list.Items().Select(item => item.Archive ?? item.Path), files);
        if (Directory.Exists(directory))
        {
            foreach (string file in files)
                FileKind.OfExtension(file).RequireReplaceable(file);
        }

        OutputDirectory.Create(directory, files);
    }

    /// <summary>
    /// Goes through all images once. The first pass names an unreadable image; every pass leaves it out.
    /// </summary>
    /// <param name="process">Runs the model on a batch and writes its files, or keeps what it needs.</param>
    /// <param name="progress">Hears of every image.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    /// <exception cref="DinoException">The device failed, or a file cannot be written.</exception>
    public async Task RunAsync(Action<ImageBatch> process, IEmbeddingProgress progress, CancellationToken cancellation)
    {
        progress.Begin(new EmbeddingStart(list.Count));
        using IEnumerator<InputItem[]> batches = list.Items().Chunk(Math.Min(encoder.BatchSize, MostAtOnce)).GetEnumerator();
        HashSet<int> known = [.. _failed];
        int first = 0;
        Task<Loaded[]>? next = Load(batches, first, known);
        while (next is not null)
        {
            Loaded[] batch = await next.WaitAsync(cancellation).ConfigureAwait(false);
            first += batch.Length;
            next = Load(batches, first, known);
            Loaded[] good = [.. batch.Where(image => image.Picture is not null)];
            if (good.Length > 0)
            {
                var images = new ImageBatch([.. good.Select(image => image.Stem)], [.. good.Select(image => image.Picture!)], Threads);
                await Task.Run(() => process(images), cancellation).ConfigureAwait(false);
            }

            for (int i = 0; i < batch.Length; i++)
            {
                if (batch[i].Problem is { } problem && _failed.Add(first - batch.Length + i))
                    progress.Report(problem.Path, problem.Reason, problem.Hint);
                if (batch[i].Warning is { } warning && _warned.Add(first - batch.Length + i))
                    progress.Warn(warning.Path, warning.Text);
                progress.Advance(failed: batch[i].Picture is null);
            }
        }
    }

    /// <summary>Begins to decode the next batch; null where there is none.</summary>
    /// <param name="batches">Moved on.</param>
    /// <param name="first">Row of the batch's first image.</param>
    /// <param name="known">Rows that cannot be read, as an earlier pass found.</param>
    private Task<Loaded[]>? Load(IEnumerator<InputItem[]> batches, int first, HashSet<int> known)
    {
        if (!batches.MoveNext())
            return null;
        InputItem[] items = batches.Current;
        return Task.Run(() =>
        {
            var images = new Loaded[items.Length];
            SideBySide.ForAll(items.Length, Threads, i =>
                images[i] = known.Contains(first + i) ? new Loaded(Stem(items[i]), null) : Load(items[i]));
            return images;
        });
    }

    private Loaded Load(InputItem item)
    {
        try
        {
            int longest = _targets(Stem(item)).Select(file => Encoding.UTF8.GetByteCount(Path.GetFileName(file))).DefaultIfEmpty(0).Max();
            if (longest > LongestName)
                throw new DinoException(
                    $"its name is too long: a file made of it would have one of {longest} bytes (expected {LongestName})");
            LoadedImage image = _loader.Load(item);
            return new Loaded(Stem(item), image.Pixels) { Warning = image.Warning is null ? null : (item.Path, image.Warning) };
        }
        catch (OutOfMemoryException failure)
        {
            throw DecodeMemory.At(item.Path, failure);
        }
        catch (SystemReadException failure)
        {
            throw new DinoException(ImageFailures.Line(item.Path, failure.Message), failure);
        }
        catch (DinoException failure)
        {
            return new Loaded(Stem(item), null) { Problem = (item.Path, failure.Message, failure.Hint) };
        }
    }

    /// <summary>Refuses two images with one stem.</summary>
    /// <exception cref="DinoException">Two images would become the same files.</exception>
    public static void RequireOwnNames(InputList list) =>
        OutputNames.RefuseSharedTarget(list.Items().Where(item => item.Problem is null).Select(item => (item, Stem(item) + "...")));

    private static string Stem(InputItem item) => Path.GetFileNameWithoutExtension(item.Path);

    /// <summary>An image of a batch: a picture, or why there is none.</summary>
    private sealed record Loaded(string Stem, RgbImage? Picture)
    {
        public (string Path, string Reason, string? Hint)? Problem { get; init; }

        public (string Path, string Text)? Warning { get; init; }
    }
}
