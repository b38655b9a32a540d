using BitMiracle.LibTiff.Classic;

namespace Dino.Gpu.Data.Imaging;

/// <summary>LibTiff.NET would write to the console.</summary>
internal sealed class TiffSilence : TiffErrorHandler
{
    public override void ErrorHandler(Tiff tif, string method, string format, params object[] args)
    {
    }

    public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
    {
    }

    public override void WarningHandler(Tiff tif, string method, string format, params object[] args)
    {
    }

    public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
    {
    }
}
