using Dino.Gpu.Imaging;

namespace Dino.Gpu.Tests.Imaging;

/// <summary>What a file is that is not read: its name, where hexadecimal bytes would say nothing.</summary>
public sealed class ForeignFormatsTests
{
    public static TheoryData<byte[], string> Files => new()
    {
        { [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 0, 47, 0, 24, 0, 1, 2, 3, 4], "TGA" },
        { [0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61, 0, 47, 0, 32, 8, 1, 2, 3, 4], "TGA" },
        { [0, 0, 2, 0, 1, 0, 32, 32, 0, 0, 1, 0, 1, 0, 48, 1, 0, 0, 22, 0, 0, 0], "a cursor (CUR)" },
        { [.. "SDPX"u8, 0, 0, 0x20, 0], "DPX" },
        { [0x0A, 5, 1, 8, 0, 0], "PCX" },
        { [0x59, 0xA6, 0x6A, 0x95, 0, 0, 0, 61], "a Sun raster picture" },
        { [1, 0xDA, 1, 1, 0, 3], "an SGI picture" },
        { [.. "gimp xcf v011"u8, 0], "a GIMP file (XCF)" },
        { [.. "%!PS-Adobe-3.0 EPSF-3.0\n"u8], "PostScript" },
        { [.. "SIMPLE  =                    T"u8], "FITS" },
        { [.. "FUJIFILMCCD-RAW 0201"u8], "a camera's raw file (RAF)" },
        { [.. "IIU\0"u8, 24, 0, 0, 0], "a camera's raw file (RW2)" },
        { [.. "IIRO"u8, 8, 0, 0, 0], "a camera's raw file (ORF)" },
        { [0x8A, .. "MNG\r\n"u8, 0x1A, 0x0A], "MNG" },
        { [.. "BZh91AY&SY"u8], "a bzip2 archive" },
        { [0xFD, .. "7zXZ\0"u8, 0, 4], "an xz archive" },
        { [0x28, 0xB5, 0x2F, 0xFD, 4, 0], "a Zstandard archive" },
        { [.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C, 0, 4], "a 7z archive" },
        { [.. "Rar!\u001A\a\u0001\0"u8], "a RAR archive" },
        { [.. "SQLite format 3\0"u8], "an SQLite database" },
        { [0x89, .. "HDF\r\n\u001A\n"u8], "HDF5" },
        { [.. "ARROW1\0\0"u8], "an Arrow file" },
        { [.. "PAR1"u8, 0x15, 0], "Parquet" },
        { [0x93, .. "NUMPY"u8, 1, 0], "a NumPy array" },
        { [0x1A, 0x45, 0xDF, 0xA3, 1, 0], "a Matroska or WebM film" },
        { [.. "RIFF"u8, 4, 0, 0, 0, .. "AVI "u8], "a RIFF file that is no WebP" },
        { [1, 0, 0, 0, .. new byte[36], .. " EMF"u8, 0, 0], "a metafile of Windows (EMF)" },
        { [0x89, .. "PNG\r\r\n\u001A\r\n"u8], "a PNG whose line ends were changed, as by a transfer as text" },
        { [0x89, .. "PNG\n\u001A\n"u8], "a PNG whose line ends were changed, as by a transfer as text" },
        { [.. "ÿØÿà"u8, 0, 16], "a JPEG that was turned into UTF-8 text" },
        { [.. "\uFFFD\uFFFD\uFFFD\uFFFD"u8, 0], "a file that was turned into UTF-8 text and lost its bytes" },
        { [.. "version https://git-lfs.github.com/spec/v1\n"u8], "a Git LFS pointer; 'git lfs pull' fetches the file" },
        { [.. "\uFEFF\n<!DOCTYPE html><html>"u8], "text (HTML, a page of a web site)" },
        { [.. "II"u8, 0xBC, 1, 0x20, 0, 0, 0], "JPEG XR" },
        { [.. "BLP2"u8, 1, 0, 0, 0], "BLP" },
        { [0x0A, 3, 1, 8, 0, 0], "PCX" },
        { [0x80, 0x2A, 0x5F, 0xD7, 0, 0], "Cineon" },
        { [40, 0, 0, 0, 23, 0, 0, 0, 17, 0, 0, 0, 1, 0, 24, 0, .. new byte[40]], "a bitmap without its file header (DIB)" },
        { [.. "BA"u8, .. new byte[12], .. "BM"u8, .. new byte[20]], "an array of bitmaps of OS/2" },
        { [.. "photos/a.jpg"u8, .. new byte[245], .. "ustar"u8, .. new byte[100]], "a tar archive" },
        { [.. "OggS"u8, 0, 2], "a sound or film (Ogg)" },
        { [0, 0, 0, 28, .. "ftypmif1"u8, 0, 0, 0, 0, .. "mif1avifmiaf"u8], "AVIF" },
        { [0, 0, 0, 28, .. "ftypmif1"u8, 0, 0, 0, 0, .. "mif1heicmiaf"u8], "HEIF" },
        { [0, 0, 0, 24, .. "ftypmif1"u8, 0, 0, 0, 0, .. "mif1miaf"u8], "HEIF" },
        { [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0, .. "mif1avif"u8], "HEIF" },
        { [0, 0, 0, 24, .. "ftypMiHB"u8, 0, 0, 0, 0, .. "miafheix"u8], "HEIF" },
        { [0, 0, 0, 20, .. "ftypisom"u8, 0, 0, 0, 0, .. "iso2avif"u8], "an ISO media file" }, // the last is behind the box
        { [0, 0, 0, 24, .. "ftypcrx "u8, 0, 0, 0, 1, .. "crx isom"u8], "a camera's raw file (CR3)" },
        { new byte[4096], "nothing but zeros, as a download leaves that did not end" },
        { [10, 0xFF, 0xD8, 0xFF, 0xE0], "a JPEG behind a byte that does not belong to it" },
        { [.. "\uFEFF"u8, 0x89, .. "PNG\r\n\u001A\n"u8], "a PNG behind 3 bytes that do not belong to it" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Known_files_are_named(byte[] file, string kind) => Assert.Equal(kind, ForeignFormats.Describe(file));

    /// <summary>In a TIFF, too: the first page of Nikon's and Canon's raw files is a small preview.</summary>
    [Fact]
    public void A_raw_file_is_not_its_thumbnail()
    {
        byte[] thumbnail =
        [
            .. "II*\0"u8, 8, 0, 0, 0, 4, 0, 254, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0,
            1, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 74, 1, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Contains("a camera's raw file is not supported", Assert.Throws<ImageException>(() => ImageHeader.Read(thumbnail)).Message);
        thumbnail[18] = 0; // a picture of full size that has smaller copies, as in pyramids
        Assert.Equal((1, 1), (ImageHeader.Read(thumbnail).Width, ImageHeader.Read(thumbnail).Height));
        byte[] canon = [.. thumbnail[..4], 16, 0, 0, 0, .. "CR"u8, 2, 0, 0, 0, 0, 0, .. thumbnail[8..]];
        Assert.Contains("a camera's raw file is not supported", Assert.Throws<ImageException>(() => ImageHeader.Read(canon)).Message);
    }
}
