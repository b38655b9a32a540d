using System.Text;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// <c>FILE.sha256</c> beside a download that nobody had named a digest for: what the hub announced the first time, and
/// what it must announce from then on. It is in the format of <c>sha256sum</c>, behind a comment with the file's source.
/// </summary>
internal static class FirstDigest
{
    private const string Extension = ".sha256";
    private const string Comment = "# ";
    private const int DigestLength = 64;
    private const int LongestFile = 4096;

    /// <summary>Where the record of a file is.</summary>
    public static string PathOf(string path) => path + Extension;

    /// <summary>The digest that a file of this source had; null where it is the first time.</summary>
    /// <param name="path">The download.</param>
    /// <param name="options">Its source.</param>
    public static string? Read(string path, WeightsDownloadOptions options) =>
        Lines(path) is [var source, { Length: > DigestLength } line, ..] && source == Source(options)
            ? HubFile.ParseHash(line[..DigestLength])
            : null;

    /// <summary>Records the digest of a download. A file of that name that is no record stays.</summary>
    /// <param name="path">The download.</param>
    /// <param name="options">Its source.</param>
    /// <param name="digest">SHA-256, in lower-case hexadecimal.</param>
    public static void Write(string path, WeightsDownloadOptions options, string digest)
    {
        bool isFree = Lines(path) switch
        {
            null => true,
            [var source, ..] => source.StartsWith(Comment, StringComparison.Ordinal),
            _ => false,
        };
        if (!isFree)
            return;
        try
        {
            using var file = new AtomicFile(PathOf(path));
            file.Write(Encoding.UTF8.GetBytes($"{Source(options)}\n{digest}  {Path.GetFileName(path)}\n"));
            file.Complete();
        }
        catch (DinoException)
        {
            // The weights are there. Without a record the hub's word counts the next time, too.
        }
    }

    private static string Source(WeightsDownloadOptions options) =>
        $"{Comment}{options.Repository} {options.Revision} {options.FileName}";

    /// <summary>Null where there is no such file; nothing where it is no text of this size.</summary>
    private static string[]? Lines(string path)
    {
        try
        {
            var record = new FileInfo(PathOf(path));
            if (!record.Exists)
                return null;
            bool isRecord = record.Length <= LongestFile && !RegularFile.IsSpecial(record.FullName);
            return isRecord ? File.ReadAllLines(record.FullName) : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
